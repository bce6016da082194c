"""The order of a request's targets, and its reasons."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.routing.breaker import RESTRAINED, SLEEPING, Breaker
from extproc.routing.ledger import Unobserved
from extproc.routing.plan import plan
from extproc.routing.row import EMPTY, Row
from extproc.routing.settings import Request, Routing
from extproc.routing.strategies.table import STRATEGIES
from extproc.testing import NOW, make_target

OPEN = Row(changed_at=NOW, open_until=NOW + 10)
OPEN_LONGER = Row(changed_at=NOW, open_until=NOW + 20)
ASLEEP = OPEN._replace(cause=SLEEPING)
PROBED = Row(changed_at=NOW - 9, open_until=NOW - 1, probing=1.0)
HALF_OPEN = PROBED._replace(probing=0.0)
RESTING = Row(changed_at=NOW, open_until=NOW + 1, cause=RESTRAINED)


def planned(stages: list[str], rows: Mapping[str, Row], strategy: str = "ordered", **request: object) -> str:
    """The order of targets of one letter each; in capitals those of priority 1."""
    made = [[make_target(name, priority=int(name.isupper())) for name in stage] for stage in stages]
    routing = Routing(strategy=strategy)
    return "".join(target.id for target in plan(made, Request(**request), routing, Unobserved(rows), NOW).targets)


@pytest.mark.parametrize(
    ("stages", "rows", "order"),
    [
        (["abc"], {}, "abc"),
        (["abc"], {"a": OPEN}, "bca"),
        (["abc"], {"a": OPEN_LONGER, "b": OPEN}, "cba"),
        (["abc"], {"a": RESTING, "b": OPEN}, "cab"),
        (["abc"], {"a": ASLEEP}, "bca"),
        (["abc"], {"a": HALF_OPEN}, "abc"),
        (["abc"], {"a": PROBED}, "bca"),
        (["ab"], {"a": OPEN_LONGER, "b": OPEN}, "ba"),
        (["ab", "cd"], {}, "abcd"),
        (["ab", "cd"], {"a": OPEN}, "bcda"),
        (["AbC"], {}, "bAC"),
        (["AbC"], {"b": RESTING}, "ACb"),
        (["", "c"], {}, "c"),
    ],
)
def test_order(stages: list[str], rows: Mapping[str, Row], order: str) -> None:
    """Groups, tiers and the strategy in this order; what is unsound behind all, the soonest back first."""
    assert planned(stages, rows) == order


def test_the_strategy_orders_the_sound_ones() -> None:
    """Turns are taken among the targets that can serve, in each group for itself."""
    turns = [planned(["abc", "de"], {"b": OPEN}, "round_robin", turn=turn) for turn in range(3)]
    assert turns == ["acdeb", "caedb", "acdeb"]


def test_reasons() -> None:
    """Each target that stands elsewhere than it would has its reason in a word, and so has a probe."""
    targets = [make_target(name) for name in "abcde"]
    rows = {"a": OPEN, "b": RESTING, "c": ASLEEP, "d": HALF_OPEN}
    made = plan([targets], Request(), Routing(), Unobserved(rows), NOW)
    assert made.reasons == {"a": "open", "b": "resting", "c": "asleep", "d": "probe"}
    assert [target.id for target in made.targets] == ["d", "e", "b", "a", "c"]


def test_more_probes_go_at_once_when_asked_for() -> None:
    """The number of probes is the configuration's."""
    routing = Routing(breaker=Breaker(probes=2))
    targets = [make_target(name) for name in "ab"]
    assert plan([targets], Request(), routing, Unobserved({"a": PROBED}), NOW).targets == tuple(targets)


ROWS = st.sampled_from([EMPTY, OPEN, OPEN_LONGER, ASLEEP, PROBED, HALF_OPEN, RESTING])


@settings(deadline=None)
@given(
    st.sampled_from(sorted(STRATEGIES)),
    st.lists(st.tuples(ROWS, st.integers(0, 2), st.integers(0, 2)), max_size=8),
    st.integers(0, 99),
    st.floats(0, 1, exclude_max=True),
)
def test_no_target_is_ever_given_up(
    strategy: str, given_targets: list[tuple[Row, int, int]], turn: int, chance: float
) -> None:
    """Whatever is known, every target is in the plan once, sound ones before unsound ones."""
    stages: list[list] = [[], [], []]
    rows = {}
    for number, (row, priority, stage) in enumerate(given_targets):
        rows[f"t{number}"] = row
        stages[stage].append(make_target(f"t{number}", priority=priority))
    made = plan(stages, Request(turn=turn, chance=chance), Routing(strategy=strategy), Unobserved(rows), NOW)
    assert sorted(target.id for target in made.targets) == sorted(rows)
    unsound = [made.reasons.get(target.id, "probe") != "probe" for target in made.targets]
    assert unsound == sorted(unsound)
