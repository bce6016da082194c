"""`weighted`: as often as the weights say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from extproc.routing.strategies import weighted

STEPS = 2000


def test_the_first_is_drawn_by_weight(ordered_by: Callable[..., list[str]]) -> None:
    """Over evenly spread chances each target is first as often as its weight says, exactly."""
    targets = {"a": {"weight": 1.0}, "b": {"weight": 3.0}, "c": {"weight": 6.0}, "none": {"weight": 0.0}}
    orders = [ordered_by(weighted, targets, chance=(step + 0.5) / STEPS) for step in range(STEPS)]
    assert Counter(order[0] for order in orders) == {"a": STEPS * 0.1, "b": STEPS * 0.3, "c": STEPS * 0.6}
    assert {order[-1] for order in orders} == {"none"}


def test_the_second_is_drawn_by_weight_too(ordered_by: Callable[..., list[str]]) -> None:
    """Of the requests that one target is first for, the others get their shares when it fails."""
    targets = {"a": {"weight": 1.0}, "b": {"weight": 3.0}, "c": {"weight": 6.0}}
    orders = [ordered_by(weighted, targets, chance=(step + 0.5) / STEPS) for step in range(STEPS)]
    second = Counter(order[1] for order in orders if order[0] == "c")
    assert second["b"] / second.total() == pytest.approx(0.75, abs=0.01)


def test_without_any_weight_all_are_tried(ordered_by: Callable[..., list[str]]) -> None:
    """Weights of nothing are no reason to refuse."""
    assert sorted(ordered_by(weighted, {"a": {"weight": 0.0}, "b": {"weight": 0.0}}, chance=0.5)) == ["a", "b"]
