"""`sticky`: rendezvous hashing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from extproc.routing.affinity import affinity
from extproc.routing.strategies import sticky

CLIENTS = [affinity(f"client-{number}") for number in range(2000)]


def test_a_lost_target_moves_only_its_own_clients(ordered_by: Callable[..., list[str]]) -> None:
    """Whoever was elsewhere stays there, in the same order; its own clients spread over all that are left."""
    names = ("a", "b", "c", "d")
    before = {client: ordered_by(sticky, {name: {} for name in names}, affinity=client) for client in CLIENTS}
    moved = Counter()
    for client, order in before.items():
        now = ordered_by(sticky, {name: {} for name in "abd"}, affinity=client)
        assert now == [name for name in order if name != "c"]
        if order[0] == "c":
            moved[now[0]] += 1
    assert moved.total() / len(CLIENTS) == pytest.approx(1 / 4, abs=0.04)
    assert all(count / moved.total() == pytest.approx(1 / 3, abs=0.1) for count in moved.values())


def test_weights_are_shares_of_the_clients(ordered_by: Callable[..., list[str]]) -> None:
    """A target of three times the weight has three times the clients; one without weight has none."""
    targets = {"a": {"weight": 3.0}, "b": {"weight": 1.0}, "none": {"weight": 0.0}}
    homes = Counter(ordered_by(sticky, targets, affinity=client)[0] for client in CLIENTS)
    assert homes["a"] / len(CLIENTS) == pytest.approx(0.75, abs=0.04)
    assert homes["none"] == 0


def test_who_says_nothing_goes_anywhere(ordered_by: Callable[..., list[str]]) -> None:
    """Without a client's name, requests spread by weight."""
    targets = {"a": {"weight": 1.0}, "b": {"weight": 1.0}}
    assert {ordered_by(sticky, targets, chance=chance)[0] for chance in (0.1, 0.9)} == {"a", "b"}
