"""What is written to a trail while one looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.audit.reader import Reader
from extproc.edge.trail.listing import Chunks, Listing

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.audit.reader import Batch


class Follower:
    """Gives the batches of a trail that come after `listing`, of old segments and of new ones, of every chain."""

    def __init__(self, path: Path, listing: Listing) -> None:
        self._path = path
        self._taken = {source.name: source.size for source in listing.sources}
        self._readers: dict[str, Reader] = {}

    def poll(self, doubts: list[str]) -> list[Batch]:
        """What was sealed since the last time, in order of time; `doubts` gets what is not under a seal that holds.

        Raises:
            OSError: the trail cannot be read any more.
        """
        found: list[Batch] = []
        for source in Listing(self._path).sources:
            taken = self._taken.get(source.name, 0)
            if source.size <= taken or not isinstance(source.chunks, Chunks):
                continue
            reader = self._readers.get(source.name)
            if reader is None:
                reader = self._readers[source.name] = Reader(source)
                # What was there before is read for its place in the chain, not to be shown.
                known = source.chunks(0)
                left = taken
                while left > 0:
                    chunk = next(known, b"")[:left]
                    left = left - len(chunk) if chunk else 0
                    for _ in reader.feed([chunk]):
                        pass
                reader.doubts.clear()
            found += reader.feed(source.chunks(taken))
            self._taken[source.name] = source.size
            doubts += reader.doubts
            reader.doubts.clear()
        return sorted(found, key=lambda batch: (batch.time, batch.chain))
