"""Rows: put together in any order, and at any split over workers, they say the same."""

from __future__ import annotations

import math
from functools import reduce
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.routing.row import EMPTY, KEY_BYTES, Row, combine, faded, key_of
from extproc.testing import NOW, make_target

WINDOW = 60.0
COUNTS = st.integers(0, 1000).map(float)
# Few moments, so that ties between workers are met.
MOMENTS = st.sampled_from([0.0, NOW, NOW + 1, NOW + 2.5])


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Any row; of one that was never weighed, nothing was measured."""
    moments = {"succeeded_at", "failed_at", "changed_at", "open_until", "weighed_at"}
    row = Row(*(draw(MOMENTS if name in moments else COUNTS) for name in Row._fields))
    return row if row.weighed_at else row._replace(waits=0.0, waited=0.0, tokens=0.0, spoken=0.0)


def close(one: Row, other: Row) -> bool:
    """Equal but for rounding."""
    return all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in zip(one, other, strict=True))


@settings(deadline=None)
@given(st.lists(rows(), min_size=1, max_size=4))
def test_the_order_of_workers_does_not_matter(given_rows: list[Row]) -> None:
    """However the rows of several workers are put together, one after another, the result is the same."""
    results = [reduce(lambda a, b: combine(a, b, WINDOW), order) for order in permutations(given_rows)]
    assert all(close(results[0], result) for result in results)


@settings(deadline=None)
@given(rows(), rows(), rows())
def test_groups_of_workers_can_be_put_together_first(one: Row, two: Row, three: Row) -> None:
    """What is combined already can be combined further."""
    left = combine(combine(one, two, WINDOW), three, WINDOW)
    assert close(left, combine(one, combine(two, three, WINDOW), WINDOW))


@settings(deadline=None)
@given(rows())
def test_nothing_adds_nothing(row: Row) -> None:
    """An empty row changes nothing, on either side."""
    assert combine(row, EMPTY, WINDOW) == row == combine(EMPTY, row, WINDOW)


def test_a_streak_counts_since_the_last_success_anywhere() -> None:
    """Failures from before another worker's success are over; those since the same success add up."""
    stale, fresh = Row(streak=4.0, succeeded_at=NOW), Row(streak=1.0, succeeded_at=NOW + 1)
    assert combine(stale, fresh, WINDOW).streak == 1
    assert combine(fresh, Row(streak=2.0, succeeded_at=NOW + 1), WINDOW).streak == 3


def test_the_latest_change_of_a_breaker_holds() -> None:
    """A worker that closed it later is right, and the successes of the time before are forgotten."""
    opened = Row(changed_at=NOW, open_until=NOW + 30, wins=1.0)
    closed = Row(changed_at=NOW + 5)
    both = combine(opened, closed, WINDOW)
    assert (both.open_until, both.wins) == (0.0, 0.0)
    assert combine(opened, Row(changed_at=NOW, open_until=NOW + 30, wins=2.0), WINDOW).wins == 3


def test_recent_answers_count_more() -> None:
    """A window later, an answer weighs 1/e of a new one."""
    both = combine(Row(waits=1.0, waited=1.0, weighed_at=NOW), Row(waits=1.0, waited=3.0, weighed_at=NOW + 60), 60.0)
    assert both.latency == pytest.approx((1 / math.e + 3) / (1 / math.e + 1))
    assert both.weight(NOW + 60, 60.0) == pytest.approx(1 + 1 / math.e)
    assert both.weight(NOW + 120, 60.0) == pytest.approx((1 + 1 / math.e) / math.e)


def test_what_was_never_measured_has_no_mean() -> None:
    """Without an answer there is neither latency nor throughput, and no weight."""
    assert (EMPTY.latency, EMPTY.throughput, EMPTY.weight(NOW, 60.0)) == (None, None, 0.0)
    assert Row(tokens=30.0, spoken=2.0).throughput == 15


@settings(deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(0.001, 1e6))
def test_weights_only_fade(age: float, window: float) -> None:
    """Time takes weight away, and a clock that was set back adds none."""
    assert 0.0 <= faded(age, window) <= 1.0


def test_a_key_names_the_endpoint_not_its_settings() -> None:
    """A target that moves to another endpoint, region or component is another; a new timeout changes nothing."""
    target = make_target()
    assert len(key_of(target)) == KEY_BYTES
    assert key_of(target) == key_of(make_target(timeout_seconds=5.0, weight=3.0))
    others = [make_target(**{name: "other"}) for name in ("endpoint", "region", "host", "inference_component", "id")]
    assert len({key_of(other) for other in (target, *others)}) == 6
