"""A worker's configuration, loaded by a process of its own: what reading it takes goes with that process.

Validation takes pydantic, its models and a parser, 14 MiB that no exchange needs. A supervisor has all that done
already, and leaves the result beside the copy that it gives to its workers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from extproc.config.runtime import Runtime

# Of the secret by which this worker's policies know texts again.
_KEY_BYTES = 32


class NotLoaded(Exception):
    """The configuration cannot be used; standard error says why. `status` is the exit status for it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"exit status {status}")
        self.status = status


def compiled(copy: Path) -> Path:
    """Where a copy's runtime stands, for workers of the same program (see config/portable.py)."""
    return copy.with_suffix(".runtime")


def begin(policy_config: Path, copy: Path | None, *, fail_open: bool, writer: str) -> Callable[[], Runtime]:
    """Begin to load `policy_config`, or the copy of it that a supervisor has accepted; a function that awaits the end.

    That raises:
        NotLoaded: see there.
    """
    if copy is not None and (ready := compiled(copy)).exists():
        return lambda: _accepted(ready) or _loaded(_start(policy_config, copy, fail_open=fail_open, writer=writer))
    # Beside what this process has to import meanwhile.
    process = _start(policy_config, copy, fail_open=fail_open, writer=writer)
    return lambda: _loaded(process)


def _accepted(ready: Path) -> Runtime | None:
    from extproc.config import portable  # noqa: PLC0415 - it loads the policies, which is for the second step

    try:
        return portable.load(ready.read_bytes(), os.urandom(_KEY_BYTES))
    except (OSError, portable.NotPortable):
        return None  # The program was changed while its supervisor runs: the copy is there for that, too.


def _start(policy_config: Path, copy: Path | None, *, fail_open: bool, writer: str) -> subprocess.Popen[bytes]:
    arguments = [str(policy_config), str(copy or ""), "allow" if fail_open else "block", writer]
    command = [sys.executable, "-m", __name__, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - this program, with its own arguments


def _loaded(process: subprocess.Popen[bytes]) -> Runtime:
    from extproc.config import portable  # noqa: PLC0415 - as above

    data, _ = process.communicate()
    if process.returncode:
        raise NotLoaded(2)
    return portable.load(data, os.urandom(_KEY_BYTES))


def main(arguments: Sequence[str]) -> int:
    """The process: writes a Runtime to standard output, and says on standard error what is wrong."""
    # From here on only this process needs what is imported.
    from extproc.config import portable  # noqa: PLC0415 - as above
    from extproc.config.problem import ConfigurationError  # noqa: PLC0415 - as above
    from extproc.edge import logs, snapshot  # noqa: PLC0415 - as above

    original, copy, fail_mode, writer = arguments
    logs.configure(worker=writer)
    try:
        runtime, problems = snapshot.load(
            Path(copy or original), Path(original), environ=os.environ, fail_open=fail_mode == "allow"
        )
    except ConfigurationError as error:
        sys.stderr.write(f"kt: {error}\n")
        return 2
    if not copy:
        logs.problems(problems, original)
    sys.stdout.buffer.write(portable.dump(runtime))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
