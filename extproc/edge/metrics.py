"""Metrics in the Prometheus text format: every process counts in files of its own, the supervisor adds them up.

prometheus_client decides at its import whether it counts in files (its multiprocess mode), so `shared` comes first, and
the library is imported only where something is counted.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.core import Metric

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FILE_OF = re.compile(r"gauge_live[a-z]*_(\d+)\.db")


@contextlib.contextmanager
def shared(directory: Path) -> Iterator[None]:
    """Count in files of `directory`: in this process, if it has not begun to count, and in those that it starts."""
    directory.mkdir(mode=0o700, exist_ok=True)
    before = os.environ.get(DIRECTORY)
    os.environ[DIRECTORY] = str(directory)
    try:
        yield
    finally:
        # Who comes after must not look for a directory that is gone.
        if before is None:
            del os.environ[DIRECTORY]
        else:
            os.environ[DIRECTORY] = before


def exposition(more: Iterable[Metric] = ()) -> bytes:
    """What all processes have counted, and `more` that is known only at the moment."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - see the module's docstring
    from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # noqa: PLC0415 - as above

    registry = CollectorRegistry()
    directory = os.environ.get(DIRECTORY)
    if directory:
        for path in Path(directory).iterdir():
            match = _FILE_OF.fullmatch(path.name)
            if match is not None and not _alive(int(match[1])):
                with contextlib.suppress(OSError):
                    mark_process_dead(int(match[1]))  # type: ignore[no-untyped-call]  # theirs
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # theirs
    registry.register(_Given(more))
    return generate_latest(registry)


class _Given:
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
