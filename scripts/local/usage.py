"""What processes cost: CPU time and memory as Linux's /proc tells (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK_MICROSECONDS = 1_000_000 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU time in µs since the processes' start, user and system together; resident memory in MiB."""

    cpu: float
    memory: float

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.cpu + other.cpu, self.memory + other.memory)


NOTHING = Usage(0.0, 0.0)


def usage(pid: int) -> Usage:
    """One process's, all its threads included."""
    # The name, in parentheses, may hold spaces: fields are counted from its end. utime and stime are fields 14 and 15.
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    status = (PROC / str(pid) / "status").read_text()
    kibibytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return Usage((int(fields[11]) + int(fields[12])) * TICK_MICROSECONDS, kibibytes / 1024)


def children(pid: int) -> list[int]:
    """The processes that `pid` started and that still run."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == pid:
                found.append(int(entry.name))
    return found


def family(pid: int) -> list[int]:
    """`pid` and all that descends from it and still runs."""
    return [pid, *(one for child in children(pid) for one in family(child))]


def thread_cpu(pid: int) -> dict[int, float]:
    """CPU time in µs of each thread of a process that still runs, by its id."""
    found = {}
    for entry in (PROC / str(pid) / "task").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(entry.name)] = (int(fields[11]) + int(fields[12])) * TICK_MICROSECONDS
    return found


def is_envoy(pid: int) -> bool:
    """Whether a process runs an Envoy binary."""
    try:
        return "envoy" in (PROC / str(pid) / "comm").read_text()
    except FileNotFoundError:
        # It has ended since it was listed.
        return False
