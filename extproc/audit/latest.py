"""The last records of a trail, without reading all of it."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from extproc.audit.merge import begin
from extproc.audit.reader import batches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extproc.audit.filter import Filter
    from extproc.audit.reader import Line
    from extproc.audit.source import Source

# No line is later.
_OPEN = "~"


def ends(sources: Iterable[Source]) -> list[tuple[str, Source]]:
    """Each segment with a time (RFC 3339) that none of its lines is later than, the latest first.

    A segment is over when the next one of its chain begins.
    """
    chains: dict[str, list[Source]] = {}
    for source in sources:
        chains.setdefault(source.segment.chain, []).append(source)
    found: list[tuple[str, Source]] = []
    for listed in chains.values():
        listed.sort(key=lambda source: source.segment.number)
        found += zip([*(begin(source) for source in listed[1:]), _OPEN], listed, strict=True)
    return sorted(found, key=lambda each: (each[0], each[1].segment), reverse=True)


def latest(sources: Iterable[Source], wanted: Filter, count: int, doubts: list[str]) -> list[tuple[str, Line]]:
    """The last `count` lines that are wanted, with their file, in the order in which they were sealed.

    Segments are read from the newest on, until no older one can hold a later line.
    """
    kept: list[tuple[str, str, int, str, Line]] = []
    for end, source in ends(sources) if count > 0 else ():
        if (len(kept) == count and end < kept[0][0]) or (wanted.since and end < wanted.since):
            break
        for batch in batches(source, doubts):
            for line in batch.lines:
                if wanted.wants(line.document):
                    # Seal time, chain and number: no two lines are equal in these.
                    entry = (batch.time, batch.chain, line.document["seq"], batch.file, line)
                    (heapq.heappush if len(kept) < count else heapq.heappushpop)(kept, entry)
    return [(file, line) for *_, file, line in sorted(kept, key=lambda entry: entry[:3])]
