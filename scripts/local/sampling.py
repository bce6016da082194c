"""Where the CPU time of one Python process goes: py-spy samples its stacks, the kernel says how long each thread ran.

py-spy looks from outside and changes nothing inside; it needs the right to trace the process (root, or ptrace(2)).
A thread's CPU time is divided as those of its samples are that do not wait: for I/O, a lock or the GIL. Samples have
the native frames too, because without them a wait cannot be told from work.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from processes import NotStarted
from rooms import GRPC_THREADS, Place, place, waits
from usage import thread_cpu

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Samples a second, as many as py-spy keeps up with when it unwinds native frames on a busy machine; a prime, so that it
# keeps no step with anything.
RATE = 97
POLLER = Place(GRPC_THREADS, "grpc.aio's poller")
NATIVE = Place(GRPC_THREADS, "threads that run no Python")
_THREAD = re.compile(r"thread \((\d+)\)")


@dataclass
class Sampled:
    """CPU time in µs by place, and how many units of work (answers, tokens) it was for."""

    cpu: dict[Place, float] = field(default_factory=dict)
    units: int = 0
    samples: int = 0

    def each(self, room: str) -> float:
        """µs of one room for one unit."""
        return sum(time for place, time in self.cpu.items() if place.room == room) / max(self.units, 1)

    def functions(self, most: int) -> list[tuple[Place, float]]:
        """The costliest functions, and their µs for one unit."""
        ordered = sorted(self.cpu.items(), key=lambda item: item[1], reverse=True)
        return [(place, time / max(self.units, 1)) for place, time in ordered[:most]]


@contextlib.contextmanager
def sampled(pid: int, file: Path) -> Iterator[Sampled]:
    """Sample a process while the context lasts; what is yielded is filled in at its end.

    Raises:
        NotStarted: py-spy cannot sample it.
    """
    found = Sampled()
    program = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if program is None:
        raise NotStarted("py-spy is not installed: it is in the dev group of pyproject.toml.")
    command: list[str | Path] = [program, "record", "--pid", str(pid), "--rate", str(RATE)]
    command += ["--duration", "unlimited", "--format", "raw", "--threads", "--native", "--output", file]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as sampler:
        before = thread_cpu(pid)
        try:
            yield found
        finally:
            sampler.send_signal(signal.SIGINT)
            _, said = sampler.communicate()
    if sampler.returncode:
        raise NotStarted(f"py-spy cannot sample process {pid}; it needs root, or leave to trace it.\n{said.strip()}")
    spent = {thread: time - before.get(thread, 0.0) for thread, time in thread_cpu(pid).items()}
    found.cpu, found.samples = divided(file.read_text(encoding="utf-8").splitlines(), spent)


def divided(lines: Iterable[str], spent: dict[int, float]) -> tuple[dict[Place, float], int]:
    """CPU time by place, and how many samples showed work, of py-spy's raw lines and each thread's CPU time in µs."""
    seen: dict[int, dict[Place, int]] = {}
    idle: dict[int, dict[Place, int]] = {}
    for line in lines:
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        named = _THREAD.match(thread)
        if named is None or not count.isdigit():
            continue
        places = (idle if waits(frames) else seen).setdefault(int(named[1]), {})
        # grpc.aio's poller is Cython inside a plain thread: nothing but its name tells.
        where = POLLER if "_poll_wrapper" in thread else place(frames)
        places[where] = places.get(where, 0) + int(count)
    cpu: dict[Place, float] = {}
    for number, time in spent.items():
        # A thread that never runs Python is one of the gRPC library's own.
        places = seen.get(number) or idle.get(number) or {NATIVE: 1}
        for where, times in places.items():
            cpu[where] = cpu.get(where, 0.0) + time * times / sum(places.values())
    return cpu, sum(sum(places.values()) for places in seen.values())
