"""The names of orders."""

from __future__ import annotations

from itertools import permutations

import pytest

from extproc.routing.order import name, orders
from extproc.testing import make_target

FOUR = tuple(make_target(each) for each in ("east", "west", "north", "south"))


@pytest.mark.parametrize(
    ("ids", "named"),
    [
        ("west", "west"),
        ("west east", "west,east"),
        ("south north west east", "south,east,west,north"),
        ("north south east", "north,east,south"),
    ],
)
def test_the_first_target_is_free_and_the_others_keep_the_files_order(ids: str, named: str) -> None:
    """The nearest order that has a name begins with the target that the request wants first."""
    by_id = {target.id: target for target in FOUR}
    assert name([by_id[each] for each in ids.split()], FOUR) == named


@pytest.mark.parametrize(("size", "count"), [(0, 0), (1, 1), (2, 4), (3, 12), (4, 32)])
def test_every_order_that_can_be_asked_for_has_a_name_of_its_own(size: int, count: int) -> None:
    """So n * 2^(n-1) names, which are those of all permutations of all parts of the group."""
    group = FOUR[:size]
    names = [name(order, FOUR) for order in orders(group)]
    assert len(names) == len(set(names)) == count
    asked = {name(order, FOUR) for length in range(1, size + 1) for order in permutations(group, length)}
    assert asked == set(names)
