"""`lowest_latency`: by mean time to the first byte."""

from __future__ import annotations

from collections.abc import Callable

from extproc.routing.row import Row
from extproc.routing.strategies import lowest_latency
from extproc.testing import NOW

TARGETS = {"a": {}, "b": {}, "c": {}}


def measured(seconds: float, *, age: float = 0.0, answers: float = 1.0, in_flight: float = 0.0) -> Row:
    """A row of so many answers that took so long, as they weighed `age` seconds ago."""
    return Row(waits=answers, waited=answers * seconds, weighed_at=NOW - age, in_flight=in_flight)


def test_the_fastest_is_first(ordered_by: Callable[..., list[str]]) -> None:
    """By the mean."""
    seen = {"a": measured(0.3), "b": measured(0.1), "c": measured(0.2)}
    assert ordered_by(lowest_latency, TARGETS, seen) == ["b", "c", "a"]


def test_what_is_not_measured_is_tried_by_one_request_at_a_time(ordered_by: Callable[..., list[str]]) -> None:
    """It is first while nobody waits for it, and last while somebody does."""
    seen = {"a": measured(0.3), "b": measured(0.1)}
    assert ordered_by(lowest_latency, TARGETS, seen) == ["c", "b", "a"]
    assert ordered_by(lowest_latency, TARGETS, {**seen, "c": Row(in_flight=1.0)}) == ["b", "a", "c"]


def test_old_measurements_are_made_again(ordered_by: Callable[..., list[str]]) -> None:
    """One answer is good for one window; while it is measured again, the old measurement holds."""
    for age, order in ((59.0, ["b", "c", "a"]), (61.0, ["a", "b", "c"])):
        seen = {"a": measured(0.9, age=age), "b": measured(0.1), "c": measured(0.2)}
        assert ordered_by(lowest_latency, TARGETS, seen) == order
    seen = {"a": measured(0.15, age=61.0, in_flight=1.0), "b": measured(0.1), "c": measured(0.2)}
    assert ordered_by(lowest_latency, TARGETS, seen) == ["b", "a", "c"]


def test_a_mean_rests_on_enough_answers(ordered_by: Callable[..., list[str]]) -> None:
    """With more samples asked for, a target that has too few of them is measured first."""
    seen = {"a": measured(0.1, answers=9.0), "b": measured(0.2, answers=1.0), "c": measured(0.3, answers=9.0)}
    assert ordered_by(lowest_latency, TARGETS, seen, min_samples=5) == ["b", "a", "c"]
