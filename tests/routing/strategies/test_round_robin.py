"""`round_robin`: each in turn."""

from __future__ import annotations

from collections.abc import Callable

from extproc.routing.strategies import round_robin


def test_each_in_turn_is_the_first(ordered_by: Callable[..., list[str]]) -> None:
    """The turn says who is first, and the others follow in the file's order."""
    targets = {"a": {}, "b": {}, "c": {}}
    turns = ["".join(ordered_by(round_robin, targets, turn=turn)) for turn in range(4)]
    assert turns == ["abc", "bca", "cab", "abc"]
