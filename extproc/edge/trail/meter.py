"""What is counted of the audit trail; the gauge and the counters of failures and losses are made for alerts."""

from __future__ import annotations

import threading

from extproc.metrics.families import BATCHES, COMMIT_SECONDS, FAILURES, LOST, RECORDS, UNWRITABLE
from extproc.metrics.tally import Tally

# After a reload two trails of a process count for a while.
_LOCK = threading.Lock()


class Meter:
    """Counts in a process's tally, from the trail's thread and from the loop."""

    def __init__(self, tally: Tally | None = None) -> None:
        tally = tally or Tally()
        self._records = tally.cell(RECORDS)
        self._batches = tally.cell(BATCHES)
        self._seconds = tally.cell(COMMIT_SECONDS)
        self._failures = tally.cell(FAILURES)
        self._lost = tally.cell(LOST)
        self._down = tally.cell(UNWRITABLE)
        self._down[0] = 0.0

    def committed(self, records: int, seconds: float) -> None:
        """One batch is on the trail."""
        with _LOCK:
            self._records[0] += records
            self._batches[0] += 1
            self._seconds[0] += seconds

    def failed(self) -> None:
        """One attempt to write has failed."""
        with _LOCK:
            self._failures[0] += 1

    def lost(self, records: int) -> None:
        """So many records are not on the trail."""
        with _LOCK:
            self._lost[0] += records

    def down(self, *, down: bool) -> None:
        """Whether the trail cannot be written."""
        self._down[0] = 1.0 if down else 0.0
