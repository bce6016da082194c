"""CPU time is divided by what was sampled, thread by thread."""

from __future__ import annotations

import time

import pytest

SERVER = "run (uvloop/__init__.py:92);process (extproc/edge/server.py:103)"


def test_each_threads_time_is_divided_by_its_own_samples(program):
    """A thread's time goes where it was seen at work, or where it waits if that is all; gRPC's own are transport."""
    sampling, rooms = program("sampling"), program("rooms")
    lines = [
        f"thread (10): MainThread;{SERVER};judge (extproc/policies/chain.py:1) 30",
        f"thread (10): MainThread;{SERVER};sign (extproc/sagemaker/sigv4.py:1) 10",
        "thread (11): audit trail;run (threading.py:9);write (extproc/edge/trail/session.py:8);fsync (libc.so.6) 500",
        "thread (12): Thread-1 (_poll_wrapper);run (threading.py:9) 900",
        f"thread (10): MainThread;{SERVER};uv__io_poll (linux.c:1);epoll_pwait (libc.so.6) 800",
        "not a sample",
    ]
    cpu, samples = sampling.divided(lines, {10: 400.0, 11: 20.0, 12: 50.0, 13: 5.0})
    assert samples == 940, "waits are no samples of work"
    assert {(place.room, place.function): time for place, time in cpu.items()} == {
        (rooms.POLICIES, "judge (extproc/policies/chain.py)"): 300.0,
        (rooms.SIGNING, "sign (extproc/sagemaker/sigv4.py)"): 100.0,
        (rooms.RECORD, "write (extproc/edge/trail/session.py)"): 20.0,
        (rooms.GRPC_THREADS, "grpc.aio's poller"): 50.0,
        (rooms.GRPC_THREADS, "threads that run no Python"): 5.0,
    }


def test_share_is_for_each_unit_of_work(program):
    """What a room took is shown for one answer or token, and nothing at all is no division by zero."""
    place = program("rooms").Place
    spent = {place("policies", "a"): 100.0, place("policies", "b"): 200.0, place("signing", "c"): 40.0}
    sampled = program("sampling").Sampled(spent, units=4)
    assert sampled.functions(2) == [(place("policies", "b"), 50.0), (place("policies", "a"), 25.0)]
    assert sampled.each("policies") == 75.0
    assert sampled.each("parse") == 0.0
    assert program("sampling").Sampled().each("parse") == 0.0


def fake(path, body: str) -> None:
    """A program that stands for py-spy."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def wait_for(path) -> None:
    """Until the program that stands for py-spy has come so far."""
    while not path.exists():
        time.sleep(0.005)


def test_sampler_is_stopped_with_the_context_and_read(program, monkeypatch, tmp_path):
    """py-spy runs while the context lasts; what it wrote by its end is divided."""
    sampling = program("sampling")
    output = tmp_path / "samples"
    line = f"thread (7): MainThread;{SERVER};judge (extproc/policies/chain.py:1) 3"
    fake(
        tmp_path / "py-spy",
        f"trap 'echo \"{line}\" >{output}; exit 0' INT\ntouch {tmp_path}/up\nwhile :; do sleep 0.01; done",
    )
    times = iter([{7: 100.0}, {7: 350.0}])
    monkeypatch.setattr(sampling, "thread_cpu", lambda _: next(times))
    monkeypatch.setattr(sampling.shutil, "which", lambda *_, **__: str(tmp_path / "py-spy"))
    with sampling.sampled(1, output) as found:
        wait_for(tmp_path / "up")
    assert list(found.cpu.values()) == [250.0]
    assert found.samples == 3


def test_sampler_that_may_not_sample_says_so(program, monkeypatch, tmp_path):
    """Without the right to trace, or without py-spy, the message says what is missing."""
    sampling = program("sampling")
    started = sampling.NotStarted
    fake(tmp_path / "py-spy", f"trap '' INT\necho 'Permission Denied' >&2\ntouch {tmp_path}/up\nexit 1")
    monkeypatch.setattr(sampling, "thread_cpu", lambda _: {})
    monkeypatch.setattr(sampling.shutil, "which", lambda *_, **__: str(tmp_path / "py-spy"))
    with pytest.raises(started, match=r"(?s)needs root.*Permission Denied"), sampling.sampled(1, tmp_path / "samples"):
        wait_for(tmp_path / "up")
    monkeypatch.setattr(sampling.shutil, "which", lambda *_, **__: None)
    with pytest.raises(started, match="not installed"), sampling.sampled(1, tmp_path / "samples"):
        pass
