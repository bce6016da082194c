"""`least_in_flight`: fewest open exchanges first."""

from __future__ import annotations

from collections.abc import Callable

from extproc.routing.row import Row
from extproc.routing.strategies import least_in_flight

TARGETS = {"a": {}, "b": {}, "c": {}}


def test_the_idlest_is_first(ordered_by: Callable[..., list[str]]) -> None:
    """By what is in flight."""
    seen = {"a": Row(in_flight=5.0), "b": Row(in_flight=1.0), "c": Row(in_flight=3.0)}
    assert ordered_by(least_in_flight, TARGETS, seen, turn=2) == ["b", "c", "a"]


def test_equals_take_turns(ordered_by: Callable[..., list[str]]) -> None:
    """Idle targets are asked one after the other, not the first one by everybody."""
    seen = {"b": Row(in_flight=1.0)}
    firsts = [ordered_by(least_in_flight, TARGETS, seen, turn=turn)[0] for turn in range(3)]
    assert firsts == ["a", "c", "c"]
