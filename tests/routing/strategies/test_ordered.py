"""`ordered`: the file's order."""

from __future__ import annotations

from collections.abc import Callable

from extproc.routing.strategies import ordered


def test_as_they_stand(ordered_by: Callable[..., list[str]]) -> None:
    """Nothing that is known changes the order."""
    assert ordered_by(ordered, {"b": {}, "a": {}}, turn=1, chance=0.9) == ["b", "a"]
