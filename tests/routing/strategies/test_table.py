"""The table of strategies, and what holds for every one of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.routing.row import Row
from extproc.routing.settings import Request
from extproc.routing.strategies.table import ALIASES, STRATEGIES, WEIGHING
from extproc.testing import NOW, make_target

NUMBERS = st.floats(0, 1000, allow_subnormal=False)


@st.composite
def situations(draw: st.DrawFn) -> tuple[list, dict, Request]:
    """Targets, what is known of them, and a request."""
    targets, seen = [], {}
    for number in range(draw(st.integers(0, 6))):
        pricing = draw(st.none() | st.tuples(NUMBERS, NUMBERS))
        targets.append(make_target(f"t{number}", weight=draw(NUMBERS), pricing=pricing))
        means = [draw(NUMBERS) for _ in range(4)]
        names = ("waits", "waited", "tokens", "spoken")
        seen[f"t{number}"] = Row(
            in_flight=float(draw(st.integers(0, 9))),
            weighed_at=NOW - draw(NUMBERS),
            **dict(zip(names, means, strict=True)),
        )
    request = Request(
        turn=draw(st.integers(0, 10**9)),
        chance=draw(st.floats(0, 1, exclude_max=True)),
        affinity=draw(st.binary(max_size=16)),
        prompt_tokens=draw(st.integers(0, 10**6)),
        completion_tokens=draw(st.integers(0, 10**6)),
    )
    return targets, seen, request


@pytest.mark.parametrize("name", STRATEGIES)
@settings(deadline=None)
@given(situation=situations())
def test_every_strategy_gives_a_permutation(name: str, situation: tuple[list, dict, Request]) -> None:
    """No target is lost and none comes twice, whatever is known."""
    targets, seen, request = situation
    given_ids = [target.id for target in targets]
    ordered = [target.id for target in STRATEGIES[name](targets, seen, request, NOW)]
    assert sorted(ordered) == sorted(given_ids)
    assert [target.id for target in targets] == given_ids


def test_names() -> None:
    """The strategies of the format have their names, and aliases stand for names that exist."""
    assert {"ordered", "round_robin", "lowest_latency", "highest_throughput", "cost", "random"} <= set(STRATEGIES)
    assert set(ALIASES.values()) <= set(STRATEGIES)
    assert set(ALIASES).isdisjoint(STRATEGIES)
    assert set(STRATEGIES) > WEIGHING
