"""What is counted of the audit trail; the two gauges and the counters of failures are made for alerts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# fdatasync takes 0.1 ms on a local disk, 1 to 10 ms on a network volume.
_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_RECORDS = Counter("kt_audit_records", "Records put on the audit trail.")
_BATCHES = Histogram("kt_audit_commit_seconds", "Time to put one batch of records on the trail.", buckets=_SECONDS)
_FAILURES = Counter("kt_audit_write_failures", "Attempts to write to the audit trail that failed.")
_LOST = Counter("kt_audit_records_lost", "Records that are not on the trail: the trail was down, or its queue full.")
_DOWN = Gauge(
    "kt_audit_unwritable",
    "1 while the audit trail cannot be written; requests are refused unless --fail-mode allow.",
    multiprocess_mode="livemax",
)


class Meter:
    """Counts for one process; the metrics are the process's own."""

    def committed(self, records: int, seconds: float) -> None:
        """One batch is on the trail."""
        _RECORDS.inc(records)
        _BATCHES.observe(seconds)

    def failed(self) -> None:
        """One attempt to write has failed."""
        _FAILURES.inc()

    def lost(self, records: int) -> None:
        """So many records are not on the trail."""
        _LOST.inc(records)

    def down(self, *, down: bool) -> None:
        """Whether the trail cannot be written."""
        _DOWN.set(1 if down else 0)
