"""A configuration as it was accepted: a copy that every worker of a generation loads, whatever becomes of the file.

Without it, a worker that dies while the file is being edited would come back with another configuration than its
siblings, or, when the file is refused, not at all.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.config import portable
from extproc.config.document import MAX_BYTES
from extproc.config.load import ConfigurationError, inspect
from extproc.edge.loading import compiled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extproc.config.problem import Problem
    from extproc.config.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes and its time of modification (nanoseconds)."""

    data: bytes
    modified: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An accepted configuration: what the file held, the copy of it, what it became, and the warnings about it."""

    content: Content
    copy: Path
    runtime: Runtime
    problems: tuple[Problem, ...]

    def discard(self) -> None:
        """Remove the copy: nobody loads it any more."""
        self.copy.unlink(missing_ok=True)
        compiled(self.copy).unlink(missing_ok=True)


def read(original: Path) -> Content:
    """The file as it is now, one byte more than a configuration may have at the most.

    Raises:
        OSError: it cannot be read.
    """
    with original.open("rb") as file:
        return Content(file.read(MAX_BYTES + 1), os.fstat(file.fileno()).st_mtime_ns)


def take(
    content: Content, original: Path, copy: Path, *, environ: Mapping[str, str], fail_open: bool = False
) -> Snapshot:
    """Keep `content` at `copy`, in a private directory, and load it as if it stood at `original`.

    Raises:
        ConfigurationError: it cannot be used; no copy is kept.
        OSError: the copy cannot be written.
    """
    copy.touch(mode=0o600)
    copy.write_bytes(content.data)
    # The time is what /v1/models tells as `created`.
    os.utime(copy, ns=(content.modified, content.modified))
    try:
        runtime, problems = load(copy, original, environ=environ, fail_open=fail_open)
    except ConfigurationError:
        copy.unlink()
        raise
    ready = compiled(copy)
    ready.touch(mode=0o600)
    ready.write_bytes(portable.dump(runtime))
    return Snapshot(content, copy, runtime, problems)


def load(
    copy: Path, original: Path, *, environ: Mapping[str, str], fail_open: bool = False
) -> tuple[Runtime, tuple[Problem, ...]]:
    """The runtime of a copy, with relative paths and problems as those of `original`; both may be the same file.

    Raises:
        ConfigurationError: it cannot be used.
    """
    inspected = inspect(copy, environ=environ, fail_open=fail_open, home=original.absolute().parent)
    if inspected.runtime is None:
        raise ConfigurationError(inspected.problems, str(original))
    return inspected.runtime, inspected.problems
