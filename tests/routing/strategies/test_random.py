"""`random`: every order as often as any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from extproc.routing.strategies import random


def test_every_order_is_as_likely(ordered_by: Callable[..., list[str]]) -> None:
    """Over evenly spread chances each of the six orders of three targets comes as often, whatever the weights."""
    targets = {"a": {"weight": 9.0}, "b": {}, "c": {}}
    orders = Counter("".join(ordered_by(random, targets, chance=(step + 0.5) / 600)) for step in range(600))
    assert len(orders) == 6
    assert set(orders.values()) == {100}
