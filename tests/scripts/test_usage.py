"""CPU and memory as the kernel accounts them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys


def test_usage_is_the_kernels(program):
    """CPU time agrees with getrusage(2) and memory is some megabytes for a Python process."""
    usage = program("usage")
    for _ in range(200_000):
        pass
    measured = usage.usage(os.getpid())
    own = resource.getrusage(resource.RUSAGE_SELF)
    # /proc counts in ticks of 10 ms.
    assert abs(measured.cpu - (own.ru_utime + own.ru_stime) * 1_000_000) < 50_000
    assert 5 < measured.memory < 5_000


def test_children_are_those_that_run(program):
    """A child is listed while it runs and not after."""
    usage = program("usage")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in usage.children(os.getpid())
        assert not usage.is_envoy(child.pid)
    assert child.pid not in usage.children(os.getpid())


def test_family_has_every_generation(program):
    """Children of children belong to a process's family, as does the process itself."""
    usage = program("usage")
    grandchild = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    command = [sys.executable, "-c", grandchild]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "1\n"
        family = usage.family(child.pid)
        assert family == [child.pid, *usage.children(child.pid)]
        assert len(family) == 2
        child.communicate("\n")


def test_threads_share_their_process(program):
    """The CPU times of all threads that still run are never more than the process's."""
    usage = program("usage")
    threads = usage.thread_cpu(os.getpid())
    assert os.getpid() in threads
    assert 0 < sum(threads.values()) <= usage.usage(os.getpid()).cpu


def test_memory_is_what_the_kernel_says(program):
    """Resident memory agrees with what the same kernel says elsewhere, and a process's share is not more."""
    usage = program("usage")
    resident, share = usage.held(os.getpid())
    assert abs(resident * 1e6 / 1024**2 - usage.usage(os.getpid()).memory) < 5
    assert 0 < share <= resident


def test_machine_is_at_least_as_busy_as_this_process(program):
    """What all processes took grows at least as this one's CPU time does."""
    usage = program("usage")
    before, own = usage.busy(), usage.usage(os.getpid()).cpu
    for _ in range(3_000_000):
        pass
    # Both count in ticks of 10 ms.
    assert usage.busy() - before > usage.usage(os.getpid()).cpu - own - 40_000
