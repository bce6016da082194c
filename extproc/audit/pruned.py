"""What is removed when its retention has passed leaves a line behind: which segment, how far it went, how old it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.audit.entries import entries
from extproc.record import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, order=True)
class Removed:
    """One segment that is gone: the numbers of its first and last line, the last one's hash (hex) and time (RFC 3339).

    `retention_days` is the longest retention that held for it: its own header's, or the remover's.
    """

    segment: str
    first: int
    last: int
    hash: str
    last_time: str
    retention_days: int


def document(removed: Iterable[Removed], now: float) -> dict[str, object]:
    """The line that stands on the trail before the files go."""
    listed = [
        {
            "segment": one.segment,
            "first": one.first,
            "last": one.last,
            "hash": one.hash,
            "last_time": one.last_time,
            "retention_days": one.retention_days,
        }
        for one in sorted(removed)
    ]
    return {"time": timestamp(now), "event": "pruned", "removed": listed}


def parse(line: dict[str, object]) -> tuple[Removed, ...]:
    """What such a line names.

    Raises:
        ValueError: it is none of ours.
    """
    return entries(line, "removed", Removed, noun="a pruned line", things="segments")
