"""What is counted of the trail, in this process."""

from prometheus_client import REGISTRY

from extproc.edge.trail.meter import Meter


def value(name, **labels):
    """A sample as it stands."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_everything_is_counted():
    """Records, batches and their time, failures, losses, and whether the trail is down."""
    names = (
        "kt_audit_records_total",
        "kt_audit_batches_total",
        "kt_audit_commit_seconds_total",
        "kt_audit_write_failures_total",
        "kt_audit_records_lost_total",
    )
    before = [value(name) for name in names]
    meter = Meter()
    meter.committed(5, 0.5)
    meter.committed(2, 0.25)
    assert meter.pending
    meter.flush()
    assert not meter.pending
    meter.failed()
    meter.lost(3)
    meter.down(down=True)
    assert [value(name) - was for name, was in zip(names, before, strict=True)] == [7.0, 2.0, 0.75, 1.0, 3.0]
    assert value("kt_audit_unwritable") == 1.0
    meter.down(down=False)
    assert value("kt_audit_unwritable") == 0.0
