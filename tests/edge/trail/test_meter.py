"""What is counted of the trail."""

import threading

from extproc.edge.trail.meter import Meter
from extproc.metrics import families
from extproc.metrics.tally import Tally


def test_everything_is_counted():
    """Records, batches and their time, failures, losses, and whether the trail is down."""
    tally = Tally()
    meter = Meter(tally)
    meter.committed(5, 0.5)
    meter.committed(2, 0.25)
    meter.failed()
    meter.lost(3)
    meter.down(down=True)
    counted = {family.name: cells for family, cells in tally}
    assert counted == {
        "kt_audit_records": [((), [7.0])],
        "kt_audit_batches": [((), [2.0])],
        "kt_audit_commit_seconds": [((), [0.75])],
        "kt_audit_write_failures": [((), [1.0])],
        "kt_audit_records_lost": [((), [3.0])],
        "kt_audit_unwritable": [((), [1.0])],
    }
    meter.down(down=False)
    assert tally.cell(families.UNWRITABLE) == [0.0]


def test_the_trail_that_takes_over_is_not_down():
    """After a reload its counts go on, and what the old one could not write is not the new one's fault."""
    tally = Tally()
    old = Meter(tally)
    old.lost(2)
    old.down(down=True)
    Meter(tally).lost(1)
    assert tally.cell(families.LOST) == [3.0]
    assert tally.cell(families.UNWRITABLE) == [0.0]


def test_two_trails_of_a_process_count_together():
    """From a thread each; nothing is lost between them."""
    tally = Tally()

    def count():
        meter = Meter(tally)
        for _ in range(5_000):
            meter.committed(1, 0.0)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.cell(families.RECORDS) == [20_000.0]
