"""One metric family, and how the counts of several processes become one."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

COUNTER = "counter"
GAUGE = "gauge"
HISTOGRAM = "histogram"

# What several processes' gauges amount to.
SUM = "sum"
HIGHEST = "highest"
LOWEST = "lowest"


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """As Prometheus understands it. `name` is without the `_total` that counters get.

    `buckets` are a histogram's upper bounds, ascending, without the last one (+Inf). `together` says what several
    processes' values of a gauge amount to; counters and histograms are added up.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    together: str = SUM

    @property
    def cell(self) -> list[float]:
        """A place for the counts of one set of labels: a number, or a histogram's buckets, +Inf's, and the sum."""
        return [0.0] * (len(self.buckets) + 2 if self.kind == HISTOGRAM else 1)

    def observe(self, cell: list[float], value: float) -> None:
        """Count a value in a histogram's cell: in the bucket that it belongs to, not in those above."""
        cell[bisect_left(self.buckets, value)] += 1
        cell[-1] += value

    def add(self, cell: list[float], other: list[float]) -> None:
        """Let a cell count what another process has counted, too."""
        if self.kind != GAUGE or self.together == SUM:
            cell[:] = [mine + theirs for mine, theirs in zip(cell, other, strict=True)]
        else:
            cell[0] = max(cell[0], other[0]) if self.together == HIGHEST else min(cell[0], other[0])
