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
