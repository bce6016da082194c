"""The circuit breaker: closed, open, half-open, over the rows of several workers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.routing.breaker import (
    ASLEEP,
    CLOSED,
    HALF_OPEN,
    LONGEST_REST_SECONDS,
    OPEN,
    REST_SECONDS,
    RESTING,
    WAKE_SECONDS,
    Breaker,
    after,
    obstacle,
    state,
)
from extproc.routing.outcome import FAILURES, KINDS
from extproc.routing.row import EMPTY, Row, combine
from extproc.testing import NOW

BREAKER = Breaker(failure_threshold=3, cooldown_seconds=10.0, probes=2)
WINDOW = 60.0


class Workers:
    """The rows of some workers; every one sees all of them."""

    def __init__(self, count: int = 2, breaker: Breaker = BREAKER) -> None:
        self.rows = [EMPTY] * count
        self.breaker = breaker

    @property
    def seen(self) -> Row:
        """All rows together."""
        together = EMPTY
        for row in self.rows:
            together = combine(together, row, WINDOW)
        return together

    def attempt(self, worker: int, kind: str, now: float, **more: float) -> str:
        """An attempt of that worker ends; the state after it."""
        self.rows[worker] = after(self.rows[worker], self.seen, kind, self.breaker, now, **more)
        return state(self.seen, now)


def test_failures_of_all_workers_open_it() -> None:
    """The third failure in a row opens it, whichever worker met it; a success in between begins anew."""
    workers = Workers()
    assert [workers.attempt(worker, "server_error", NOW + worker) for worker in (0, 1)] == [CLOSED, CLOSED]
    assert workers.attempt(0, "success", NOW + 2) == CLOSED
    assert [workers.attempt(at % 2, "no_answer", NOW + 3 + at) for at in range(3)] == [CLOSED, CLOSED, OPEN]
    assert workers.seen.streak == 3


@pytest.mark.parametrize("kind", sorted(set(KINDS) - FAILURES - {"no_capacity", "throttled"}))
def test_what_is_no_failure_opens_nothing(kind: str) -> None:
    """The client's own errors do not count, however many."""
    workers = Workers()
    assert {workers.attempt(0, kind, NOW + at) for at in range(10)} == {CLOSED}


def test_it_half_opens_after_the_cooldown_and_closes_after_its_probes() -> None:
    """Open for its cooldown, then so many successes close it, whichever workers have them."""
    workers = Workers()
    for at in range(3):
        workers.attempt(0, "server_error", NOW + at)
    opened = NOW + 2
    assert state(workers.seen, opened + 9.9) == OPEN
    assert obstacle(workers.seen, BREAKER, opened + 9.9) == OPEN
    assert state(workers.seen, opened + 10) == HALF_OPEN
    assert obstacle(workers.seen, BREAKER, opened + 10) == ""
    assert workers.attempt(0, "success", opened + 11) == HALF_OPEN
    assert workers.attempt(1, "success", opened + 12) == CLOSED
    assert workers.seen.streak == 0


def test_a_failed_probe_opens_it_again() -> None:
    """One failure in the half-open state is enough, and the cooldown begins anew."""
    workers = Workers()
    for at in range(3):
        workers.attempt(0, "server_error", NOW + at)
    workers.attempt(1, "success", NOW + 13)
    assert workers.attempt(1, "timeout", NOW + 14) == OPEN
    assert state(workers.seen, NOW + 23.9) == OPEN
    assert workers.attempt(0, "success", NOW + 25) == HALF_OPEN


def test_probes_are_limited() -> None:
    """While its probes are under way, a half-open target is the last choice for others; old streams are no probes."""
    row = Row(changed_at=NOW, open_until=NOW + 10)
    assert [obstacle(row._replace(probing=float(count), in_flight=9.0), BREAKER, NOW + 11) for count in range(4)] == [
        *("", ""),
        *(HALF_OPEN, HALF_OPEN),
    ]
    assert obstacle(row._replace(probing=1.0, wins=1.0), BREAKER, NOW + 11) == HALF_OPEN


def test_failures_of_an_open_one_do_not_keep_it_open() -> None:
    """Requests that had nowhere else to go, and those that were under way, do not move the cooldown."""
    workers = Workers()
    for at in range(3):
        workers.attempt(0, "server_error", NOW + at)
    workers.attempt(1, "server_error", NOW + 8)
    assert state(workers.seen, NOW + 12) == HALF_OPEN


def test_a_throttled_target_rests() -> None:
    """For as long as it asked, and nothing shortens that; then one request at a time, until one is answered."""
    workers = Workers()
    workers.attempt(0, "throttled", NOW, retry_after=7.0)
    workers.attempt(1, "throttled", NOW + 1)
    workers.attempt(1, "success", NOW + 2)
    assert [obstacle(workers.seen, BREAKER, NOW + at) for at in (2.0, 6.9, 7.0)] == [RESTING, RESTING, ""]
    assert obstacle(workers.seen._replace(probing=1.0), BREAKER, NOW + 7) == HALF_OPEN
    workers.attempt(0, "throttled", NOW + 7)
    assert obstacle(workers.seen, BREAKER, NOW + 7 + REST_SECONDS - 0.1) == RESTING
    assert workers.attempt(1, "success", NOW + 7 + REST_SECONDS) == CLOSED


def test_a_rest_has_its_bounds() -> None:
    """Two seconds for a target that does not say, a minute at the most, and never less than its breaker's cooldown."""
    assert after(EMPTY, EMPTY, "throttled", BREAKER, NOW).open_until == NOW + REST_SECONDS
    longest = after(EMPTY, EMPTY, "throttled", BREAKER, NOW, retry_after=3600.0)
    assert longest.open_until == NOW + LONGEST_REST_SECONDS
    opened = Row(changed_at=NOW, open_until=NOW + 30)
    assert after(opened, opened, "throttled", BREAKER, NOW + 1).open_until == NOW + 30
    failing = Workers()
    failing.attempt(0, "throttled", NOW)
    for at in range(3):
        failing.attempt(at % 2, "server_error", NOW + 0.1)
    assert failing.seen.open_until == NOW + 10.1


def test_a_sleeping_component_is_probed_by_one_request_at_a_time() -> None:
    """No capacity puts it last at once; now and then one request wakes it; an answer ends that."""
    workers = Workers(breaker=Breaker(failure_threshold=100, probes=5))
    workers.attempt(0, "no_capacity", NOW)
    assert obstacle(workers.seen, workers.breaker, NOW + WAKE_SECONDS - 0.1) == ASLEEP
    due = NOW + WAKE_SECONDS
    assert obstacle(workers.seen, workers.breaker, due) == ""
    assert obstacle(workers.seen._replace(probing=1.0), workers.breaker, due) == HALF_OPEN
    workers.attempt(1, "no_capacity", due)
    assert obstacle(workers.seen, workers.breaker, due + 1) == ASLEEP
    assert workers.attempt(0, "success", due + WAKE_SECONDS) == CLOSED


def test_changes_of_one_instant_follow_each_other() -> None:
    """A breaker that is closed in the moment in which it opened is closed."""
    workers = Workers()
    workers.attempt(0, "no_capacity", NOW)
    assert workers.attempt(1, "success", NOW) == CLOSED


def test_a_breaker_that_is_off_never_opens() -> None:
    """Failures and throttles are counted, and change nothing."""
    workers = Workers(breaker=Breaker(failure_threshold=1, enabled=False))
    assert {workers.attempt(0, "server_error", NOW + at) for at in range(5)} == {CLOSED}
    workers.attempt(0, "throttled", NOW + 5)
    workers.attempt(0, "no_capacity", NOW + 5)
    assert (workers.seen.server_error, workers.seen.throttled) == (5, 1)
    assert obstacle(workers.seen, workers.breaker, NOW + 5) == ""


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["success", "server_error", "no_answer", "rejected", "throttled", "no_capacity"]),
        ),
        max_size=60,
    ),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_any_interleaving_is_that_of_one_worker(attempts: list[tuple[int, str]], threshold: int, probes: int) -> None:
    """Attempts spread over workers, each seeing the others' rows, make the same states as all of them in one."""
    breaker = Breaker(failure_threshold=threshold, cooldown_seconds=3.5, probes=probes)
    many, one = Workers(3, breaker), Workers(1, breaker)
    for at, (worker, kind) in enumerate(attempts):
        assert many.attempt(worker, kind, NOW + at) == one.attempt(0, kind, NOW + at)
        assert (many.seen.streak, many.seen.wins) == (one.seen.streak, one.seen.wins)
