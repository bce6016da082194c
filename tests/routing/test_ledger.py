"""The books of one worker, alone and with others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from extproc.routing.breaker import Breaker, after
from extproc.routing.ledger import Ledger, Unobserved
from extproc.routing.row import EMPTY, Row, key_of
from extproc.testing import NOW, make_target

EAST, WEST = make_target("east"), make_target("west")
BREAKER = Breaker(failure_threshold=2)


def make_ledger(**more: object) -> Ledger:
    """The books of a worker with two targets."""
    return Ledger((EAST, WEST), BREAKER, 60.0, **{"chance": lambda: 0.0, **more})


def of_east(row: Row) -> Callable[[bytes, float], Row]:
    """What others know: this, of the first target alone."""

    def others(key: bytes, now: float) -> Row:
        del now
        return row if key == key_of(EAST) else EMPTY

    return others


def test_what_is_in_flight() -> None:
    """Begun and not ended, never below nothing; of the target that it was."""
    ledger = make_ledger()
    ledger.began("east")
    ledger.began("east")
    ledger.ended("east")
    ledger.ended("west")
    assert (ledger.of("east", NOW).in_flight, ledger.of("west", NOW).in_flight) == (1.0, 0.0)


def test_attempts_are_counted_and_open_the_breaker() -> None:
    """Each by its kind; enough failures in a row open it."""
    ledger = make_ledger()
    for kind in ("server_error", "no_answer"):
        ledger.attempted("east", kind, NOW)
    row = ledger.of("east", NOW)
    assert (row.server_error, row.no_answer, row.streak, row.open_until) == (1.0, 1.0, 2.0, NOW + 30)


ROWS = [
    EMPTY,
    Row(success=3.0, streak=1.0, succeeded_at=NOW - 5),
    Row(success=1.0, succeeded_at=NOW + 5, waits=2.0, waited=1.0, weighed_at=NOW - 1),
    Row(open_until=NOW + 30, wins=1.0, changed_at=NOW - 1),
    Row(open_until=NOW - 30, changed_at=NOW - 60),
]


@pytest.mark.parametrize("own", ROWS)
@pytest.mark.parametrize("others", ROWS)
def test_a_success_is_booked_as_the_breaker_has_it(own: Row, others: Row) -> None:
    """Also where the books take the short way, at a breaker that nobody has opened."""
    told: list[Row] = []
    ledger = make_ledger(
        others=of_east(others), rows={key_of(EAST): own}, publish=lambda _, row: told.append(Row._make(row))
    )
    seen = ledger.of("east", NOW)
    ledger.attempted("east", "success", NOW)
    assert told == [after(own, seen, "success", BREAKER, NOW)]


def test_others_failures_count_with_ones_own() -> None:
    """The row of the other workers is part of what is known, and of what opens the breaker."""
    ledger = make_ledger(others=of_east(Row(streak=1.0, server_error=1.0, in_flight=4.0)))
    ledger.attempted("east", "server_error", NOW)
    assert ledger.of("east", NOW).in_flight == 4
    assert ledger.of("east", NOW).open_until > NOW
    assert ledger.of("west", NOW) == EMPTY


def test_only_own_rows_are_published() -> None:
    """Each change, with what this worker alone knows."""
    told: list[tuple[bytes, Row]] = []

    def publish(key: bytes, numbers: Sequence[float]) -> None:
        told.append((key, Row._make(numbers)))

    ledger = make_ledger(others=of_east(Row(success=100.0)), publish=publish)
    ledger.attempted("east", "success", NOW)
    [(key, row)] = told
    assert (key, row.success) == (key_of(EAST), 1.0)


def test_means_lose_weight() -> None:
    """After a window, a new answer weighs e times as much as the one before it."""
    ledger = make_ledger()
    ledger.waited("east", 1.0, NOW)
    ledger.waited("east", 3.0, NOW + 60)
    assert ledger.of("east", NOW).latency == pytest.approx((1.0 + 3.0 * 2.718281828) / 3.718281828)
    ledger.spoke("east", 100, 2.0, NOW + 60)
    assert ledger.of("east", NOW).throughput == pytest.approx(50)


def test_nonsense_is_not_kept() -> None:
    """A clock that was set back, answers without tokens, and targets of another configuration change nothing."""
    ledger = make_ledger()
    ledger.waited("east", -1.0, NOW)
    ledger.spoke("east", 0, 1.0, NOW)
    ledger.spoke("east", 5, 0.0, NOW)
    ledger.attempted("gone", "success", NOW)
    ledger.began("gone")
    ledger.waited("gone", 1.0, NOW)
    assert ledger.of("east", NOW) == EMPTY == ledger.of("gone", NOW)


def test_each_group_has_its_turns() -> None:
    """Turns count for each group alone, from where chance says, so that workers do not begin together."""
    ledger = make_ledger(chance=lambda: 0.5)
    first = ledger.turn("a")
    assert [ledger.turn("a"), ledger.turn("b"), ledger.turn("a")] == [first + 1, first, first + 2]
    assert make_ledger().turn("a") == 0 != first


def test_it_goes_on_from_another_workers_rows() -> None:
    """A worker that takes another's place knows what that one knew."""
    ledger = make_ledger(rows={key_of(EAST): Row(success=7.0)})
    assert ledger.of("east", NOW).success == 7


def test_without_observations_nothing_is_known() -> None:
    """What `kt explain` plans with."""
    nobody = Unobserved()
    assert (nobody.of("east", NOW), nobody.turn("a"), nobody.chance()) == (EMPTY, 0, 0.0)
