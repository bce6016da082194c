"""What is counted of the audit trail; the gauge and the counters of failures and losses are made for alerts."""

from __future__ import annotations

import time

from prometheus_client import Counter, Gauge

from extproc.edge.trail.in_loop import FLUSH_SECONDS

_RECORDS = Counter("kt_audit_records", "Records put on the audit trail.")
_BATCHES = Counter("kt_audit_batches", "Batches in which they were put there.")
_SECONDS = Counter("kt_audit_commit_seconds", "Seconds that it took to put the batches there.")
_FAILURES = Counter("kt_audit_write_failures", "Attempts to write to the audit trail that failed.")
_LOST = Counter("kt_audit_records_lost", "Records that are not on the trail: the trail was down, or its queue full.")
_DOWN = Gauge(
    "kt_audit_unwritable",
    "1 while the audit trail cannot be written; requests are refused unless --fail-mode allow.",
    multiprocess_mode="livemax",
)


class Meter:
    """Counts for one process; the metrics are the process's own. `pending`: something waits for `flush`."""

    def __init__(self) -> None:
        self._records = 0
        self._batches = 0
        self._seconds = 0.0
        self._flushed = 0.0

    @property
    def pending(self) -> bool:
        """Whether something that was counted is not to be seen yet."""
        return self._batches > 0

    def committed(self, records: int, seconds: float) -> None:
        """One batch is on the trail."""
        self._records += records
        self._batches += 1
        self._seconds += seconds
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Let everything be seen."""
        _RECORDS.inc(self._records)
        _BATCHES.inc(self._batches)
        _SECONDS.inc(self._seconds)
        self._records, self._batches, self._seconds = 0, 0, 0.0
        self._flushed = time.monotonic()

    def failed(self) -> None:
        """One attempt to write has failed."""
        _FAILURES.inc()

    def lost(self, records: int) -> None:
        """So many records are not on the trail."""
        _LOST.inc(records)

    def down(self, *, down: bool) -> None:
        """Whether the trail cannot be written."""
        _DOWN.set(1 if down else 0)
