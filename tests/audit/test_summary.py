"""Days."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit.summary import Day, day_of


def test_exchanges_are_counted():
    """Outcomes, verdicts, errors, tokens and bytes are summed up; what a record does not have counts nothing."""
    day = Day()
    day.add(
        {
            "outcome": "served",
            "verdict": "allow",
            "usage": {"prompt_tokens": 2, "completion_tokens": 3},
            "request_bytes": 10,
            "response_bytes": 20,
            "latency_ms": {"total": 5.0},
        }
    )
    day.add(
        {
            "outcome": "failed",
            "verdict": "allow",
            "error": {"type": "server_error", "code": ""},
            "usage": {"prompt_tokens": 4},
        }
    )
    day.add({"outcome": "failed", "verdict": "allow", "error": {"type": "server_error", "code": "x"}, "usage": None})
    assert day.document() == {
        "exchanges": 3,
        "outcomes": {"failed": 2, "served": 1},
        "verdicts": {"allow": 3},
        "errors": {"server_error": 1, "x": 1},
        "prompt_tokens": 6,
        "completion_tokens": 3,
        "request_bytes": 10,
        "response_bytes": 20,
        "latency_ms": {"p50": pytest.approx(5, rel=0.02), "p95": pytest.approx(5, rel=0.02)},
    }


@given(st.lists(st.floats(0.01, 1e6), min_size=1), st.sampled_from([0.5, 0.95, 1.0]))
def test_quantiles_are_right_within_a_percent(latencies, quantile):
    """A quantile is the latency that this part did not exceed, to about one percent, whatever their number."""
    day = Day()
    for latency in latencies:
        day.add({"latency_ms": {"total": latency}})
    exact = sorted(latencies)[math.ceil(quantile * len(latencies)) - 1]
    assert day.latency(quantile) == pytest.approx(exact, rel=0.016)


def test_no_latency():
    """Without any latency there is no quantile; one that is no number, or below zero, is none."""
    day = Day()
    for total in (None, "5", -1):
        day.add({"latency_ms": {"total": total}})
    day.add({"latency_ms": 3})
    assert (day.latency(0.5), day.exchanges) == (None, 4)


def test_day_is_utc():
    """A record belongs to the day of its time."""
    assert day_of({"time": "2026-03-01T23:59:59.999999Z"}) == "2026-03-01"
