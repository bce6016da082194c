"""Cells of a family: what is counted in them, and what those of several processes amount to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from extproc.metrics.family import COUNTER, GAUGE, HIGHEST, HISTOGRAM, LOWEST, SUM, Family

BOUNDS = (0.5, 1.0, 2.0)
SECONDS = Family("x_seconds", HISTOGRAM, "Seconds.", buckets=BOUNDS)


@given(st.lists(st.floats(0, 4) | st.sampled_from(BOUNDS)))
def test_a_histogram_counts_as_prometheus_own_does(values):
    """A value on a bound belongs below it."""
    registry = CollectorRegistry()
    theirs = Histogram("x_seconds", "Seconds.", buckets=BOUNDS, registry=registry)
    cell = SECONDS.cell
    for value in values:
        theirs.observe(value)
        SECONDS.observe(cell, value)
    reached = [sum(cell[: at + 1]) for at in range(len(BOUNDS) + 1)]
    bounds = ("0.5", "1.0", "2.0", "+Inf")
    assert reached == [registry.get_sample_value("x_seconds_bucket", {"le": bound}) for bound in bounds]
    assert cell[-1] == pytest.approx(registry.get_sample_value("x_seconds_sum"))


@pytest.mark.parametrize(
    ("kind", "together", "expected"),
    [(COUNTER, SUM, 5.0), (COUNTER, HIGHEST, 5.0), (GAUGE, SUM, 5.0), (GAUGE, HIGHEST, 3.0), (GAUGE, LOWEST, 2.0)],
)
def test_two_processes_amount_to(kind, together, expected):
    """Counters to their sum always, gauges to what they say."""
    cell = [2.0]
    Family("x", kind, "X.", together=together).add(cell, [3.0])
    assert cell == [expected]


def test_histograms_are_added_bucket_by_bucket():
    """Their sums, too."""
    cell, other = SECONDS.cell, SECONDS.cell
    SECONDS.observe(cell, 0.1)
    SECONDS.observe(other, 1.5)
    SECONDS.observe(other, 9.0)
    SECONDS.add(cell, other)
    assert cell == [1.0, 0.0, 1.0, 1.0, 10.6]
