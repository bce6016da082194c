"""Counts of one process, and of several."""

import json

from hypothesis import given
from hypothesis import strategies as st

from extproc.metrics.families import ATTEMPTS, LOOP_LAG, OPEN, PROCESSING_SECONDS, UNWRITABLE
from extproc.metrics.tally import Tally

COUNTS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["success", "timeout"]), st.integers(1, 5)))


def counted(counts):
    """A process that has counted these attempts."""
    tally = Tally()
    for target, result, number in counts:
        tally.cell(ATTEMPTS, target, "us-east-1", result)[0] += number
    return tally


def told(tally):
    """Its counts by labels."""
    return {(family.name, labels): cell for family, cells in tally for labels, cell in cells}


def test_a_cell_is_the_same_each_time():
    """Its owner may keep it."""
    tally = Tally()
    cell = tally.cell(ATTEMPTS, "a", "us-east-1", "success")
    cell[0] += 2
    assert tally.cell(ATTEMPTS, "a", "us-east-1", "success") is cell
    assert tally.cell(ATTEMPTS, "b", "us-east-1", "success") == [0.0]


@given(st.lists(COUNTS))
def test_several_processes_count_as_one_would(processes):
    """However the counts were divided among them, and after a journey through JSON."""
    total = Tally()
    for counts in processes:
        total.add(json.loads(json.dumps(counted(counts).snapshot())))
    assert told(total) == told(counted([each for counts in processes for each in counts]))


def test_a_snapshot_stays_as_it_was():
    """What is counted later is not in it, and who adds it up changes nobody's counts."""
    tally = counted([("a", "success", 1)])
    snapshot = tally.snapshot()
    total = Tally()
    total.add(snapshot)
    total.add(snapshot)
    tally.cell(ATTEMPTS, "a", "us-east-1", "success")[0] += 1
    assert snapshot == {"kt_attempts": [(("a", "us-east-1", "success"), [1.0])]}
    assert told(total)["kt_attempts", ("a", "us-east-1", "success")] == [2.0]


def test_gauges_of_a_process_that_is_gone_say_nothing():
    """Its counters stay."""
    tally = counted([("a", "success", 1)])
    tally.set(OPEN, 7)
    total = Tally()
    total.add(tally.snapshot(), alive=False)
    assert [family.name for family, _ in total] == ["kt_attempts"]


def test_gauges_amount_to_what_their_family_says():
    """Open exchanges are added up, the worst lag and the one trail that is down count."""
    total = Tally()
    for at, lag, down in ((3, 0.5, 0), (4, 0.25, 1)):
        process = Tally()
        process.set(OPEN, at)
        process.set(LOOP_LAG, lag)
        process.set(UNWRITABLE, down)
        total.add(process.snapshot())
    assert [total.cell(family) for family in (OPEN, LOOP_LAG, UNWRITABLE)] == [[7.0], [0.5], [1.0]]


def test_what_another_version_counts_otherwise_is_left_out():
    """Unknown families, other labels, other buckets: the rest is added up."""
    total = Tally()
    total.add(
        {
            "kt_unknown": [((), [1.0])],
            "kt_attempts": [(("a",), [1.0]), (("a", "us-east-1", "success"), [1.0])],
            PROCESSING_SECONDS.name: [(("request",), [1.0, 2.0])],
        }
    )
    assert {key: cell for key, cell in told(total).items() if any(cell)} == {
        ("kt_attempts", ("a", "us-east-1", "success")): [1.0]
    }
