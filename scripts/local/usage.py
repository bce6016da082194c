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


def held(pid: int) -> tuple[float, float]:
    """Memory of one process in MB (10^6 bytes): resident, and its share (PSS), in which what N map counts an Nth."""
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    kibibytes = {line.split()[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    return kibibytes["Rss:"] * 1024 / 1e6, kibibytes["Pss:"] * 1024 / 1e6


def busy() -> float:
    """CPU time in µs that all processes of the machine have taken since it started."""
    # user, nice, system, idle, iowait, irq, softirq; what comes after is others' (steal), or counted in user (guests).
    fields = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(fields[at]) for at in (0, 1, 2, 5, 6)) * TICK_MICROSECONDS


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
