"""On what machine something was measured, and how much of it others took meanwhile."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from usage import busy

if TYPE_CHECKING:
    from collections.abc import Iterator


def processor_name() -> str:
    """What the kernel calls the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def sync_milliseconds(times: int = 51) -> float:
    """The median of so many fdatasync(2), each after a kilobyte more, where temporary files are."""
    taken = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(times):
            file.write(bytes(1024))
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - begin) * 1000)
    return median(taken)


@dataclass
class Machine:
    """`sync`: how long the disk takes to sync a kilobyte, in ms, without which no audited answer ends.

    `others`: the share of its cores, 0 to 1, that went to processes which are not ours, known at the end.
    """

    cores: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    processor: str = field(default_factory=processor_name)
    python: str = field(default_factory=platform.python_version)
    kernel: str = field(default_factory=platform.release)
    sync: float = field(default_factory=sync_milliseconds)
    began: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))
    seconds: float = 0.0
    others: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.cores} cores of {self.processor}, Linux {self.kernel}, Python {self.python}, {self.sync:.2f} ms a "
            f"sync of the disk; {self.began}, {self.seconds:.0f} s, in which other processes took {self.others:.0%} of "
            "the cores"
        )


@contextlib.contextmanager
def machine() -> Iterator[Machine]:
    """The machine, watched until the context ends; the children must have ended by then."""
    found = Machine()
    begin, before, ours = time.perf_counter(), busy(), own()
    yield found
    found.seconds = time.perf_counter() - begin
    all_cores = found.seconds * 1_000_000 * (os.cpu_count() or 1)
    found.others = max(busy() - before - (own() - ours), 0.0) / all_cores


def own() -> float:
    """CPU time in µs of this process and of all below it that have ended."""
    taken = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in taken) * 1_000_000
