"""scripts/bench --goals from end to end, shortened: every line is measured, with real gateways and a real Envoy."""

from __future__ import annotations

import pytest

SHORT = {"HELP_TIMES": 1, "READY_TIMES": 1, "LATENCY_ROUNDS": 1, "PACED_ROUNDS": 1, "PACED_STREAMS": 4}
SHORT |= {"OPEN_STREAMS": 8, "OPEN_RAMP_SECONDS": 0.1}


@pytest.mark.envoy
def test_every_goal_is_measured_without_a_failure(program, tmp_path, monkeypatch):
    """One short run measures each line of the goals, holds all its streams open at one time, and no answer fails."""
    goals, processes = program("goals"), program("processes")
    for name, value in SHORT.items():
        monkeypatch.setattr(goals, name, value)
    monkeypatch.setitem(goals.STREAMS, "paced", {"tokens": 5, "delay_ms": 20})
    monkeypatch.setitem(goals.STREAMS, "open", {"tokens": 4, "delay_ms": 500})
    given = program("bench").arguments(["--goals", "--seconds", "0.3", "--connections", "2", "--workers", "1"])
    with processes.processes(tmp_path) as running:
        found = goals.measured(running, tmp_path, given, None)
    assert found.failed == 0
    assert [(line.name.split(",")[0], line.unit) for line in found.lines] == [
        ("worker CPU per exchange", "µs"),
        ("worker CPU per exchange", "µs"),
        ("worker CPU per token", "µs"),
        ("worker CPU per token", "µs"),
        ("throughput at 2 connections against bare Envoy", "x"),
        ("added latency p50", "ms"),
        ("added time to first event p50", "ms"),
        ("added time to first text p50", "ms"),
        ("added inter-token p99", "ms"),
        ("memory of a worker", "MB"),
        ("memory of a worker", "MB"),
        ("kt --help", "s"),
        ("gateway ready from start", "s"),
    ]
    assert all(line.value > 0 for line in found.lines if line.unit not in {"ms", "µs"})
    assert "8 of 8 at one time" in found.lines[10].detail
    assert list(found.of("continued")) == list(found.of("strange")) == ["enterprise.yaml, 1 worker"]
    assert all(pace.first_text and pace.gaps for pace in found.paces.values())
    assert list(found.paces) == ["straight", "bare Envoy", "enterprise.yaml, 1 worker"]
