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
    has come, so no more files are open at once than writers were at work. Of each chain the next one is held.
    """
    waiting: list[tuple[str, str, T | None, Iterator[T]]] = []
    for chain, (begins, given) in chains.items():
        heapq.heappush(waiting, (begins, chain, None, given))
    while waiting:
        _, chain, one, given = waiting[0]
        following = next(given, None)
        if following is None:
            heapq.heappop(waiting)
        else:
            heapq.heapreplace(waiting, (following.time, chain, following, given))
        if one is not None:
            yield chain, one
        if following is None:
            yield chain, None


def begin(source: Source) -> str:
    """The time of a segment's first line; the day that its name tells, when the line does not."""
    try:
        for _, line, _ in lines(source.chunks()):
            time = document(line).get("time")
            return time if isinstance(time, str) else source.segment.date
    except LineTooLong:
        pass
    return source.segment.date
