"""Chains side by side: what each gives in its own order, together as good as possible in order of time."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Protocol, TypeVar

from extproc.audit.links import document
from extproc.audit.source import LineTooLong, Source, lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class _Timed(Protocol):
    @property
    def time(self) -> str: ...


T = TypeVar("T", bound=_Timed)


def side_by_side(chains: Mapping[str, tuple[str, Iterator[T]]]) -> Iterator[tuple[str, T | None]]:
    """Each chain's name with what it gives next, and once with None when it has ended.

    `chains` are by name: the time at which one begins (RFC 3339), and what it gives. It is not asked before that time
    has come, so no more files are open at once than writers were at work.
    """
    waiting = [(begin, chain, given) for chain, (begin, given) in chains.items()]
    heapq.heapify(waiting)
    while waiting:
        _, chain, given = waiting[0]
        one = next(given, None)
        if one is None:
            heapq.heappop(waiting)
        else:
            heapq.heapreplace(waiting, (one.time, chain, given))
        yield chain, one


def begin(source: Source) -> str:
    """The time of a segment's first line; the day that its name tells, when the line does not."""
    try:
        for _, line, _ in lines(source.chunks()):
            time = document(line).get("time")
            return time if isinstance(time, str) else source.segment.date
    except LineTooLong:
        pass
    return source.segment.date
