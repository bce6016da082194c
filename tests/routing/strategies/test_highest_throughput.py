"""`highest_throughput`: by tokens a second."""

from __future__ import annotations

from collections.abc import Callable

from extproc.routing.row import Row
from extproc.routing.strategies import highest_throughput
from extproc.testing import NOW

TARGETS = {"a": {}, "b": {}, "c": {}}


def test_the_one_that_says_most_is_first(ordered_by: Callable[..., list[str]]) -> None:
    """By the mean; one that is not measured first while nobody waits for it, else last."""
    known = {"waits": 1.0, "weighed_at": NOW, "spoken": 2.0}
    seen = {"a": Row(tokens=20.0, **known), "b": Row(tokens=60.0, **known), "c": Row(tokens=40.0, **known)}
    assert ordered_by(highest_throughput, TARGETS, seen) == ["b", "c", "a"]
    assert ordered_by(highest_throughput, TARGETS, {**seen, "c": Row()}) == ["c", "b", "a"]
    assert ordered_by(highest_throughput, TARGETS, {**seen, "c": Row(in_flight=2.0)}) == ["b", "a", "c"]
