"""What is removed when its retention has passed leaves a line behind: which segment, how far it went, how old it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    removed = line.get("removed")
    if not isinstance(removed, list):
        raise ValueError("a pruned line without segments")  # noqa: TRY004 - a value of the line, as the next one
    try:
        listed = tuple(Removed(**entry) for entry in removed)
    except TypeError:
        raise ValueError("a pruned line's segments are not as they should be") from None
    if not all(_typed(one) for one in listed):
        raise ValueError("a pruned line's segments are not as they should be")
    return listed


def _typed(one: Removed) -> bool:
    numbers, texts = (one.first, one.last, one.retention_days), (one.segment, one.hash, one.last_time)
    return all(type(number) is int for number in numbers) and all(isinstance(text, str) for text in texts)
