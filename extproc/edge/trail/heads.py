"""How far each chain of a directory has come, and whether its writer is gone: what checkpoints are made from."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from extproc.audit import merkle
from extproc.audit.chain import GENESIS
from extproc.audit.checkpoint import Head
from extproc.audit.segment import Segment, parse
from extproc.edge.trail import lock, sealed

if TYPE_CHECKING:
    from pathlib import Path


# What is longer than this holds more than checkpoints.
_MOST_CHECKPOINTS = 64 * 1024


class Heads:
    """Looks at a directory again and again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, tuple[Segment, int, Head]] = {}

    def changed(self, but: str = "") -> tuple[Head, ...]:
        """The heads that are new or other than at the last look, but for one chain's; what is final comes once.

        Raises:
            OSError: the directory cannot be read.
        """
        chains: dict[str, list[Segment]] = {}
        with os.scandir(self._directory) as entries:
            for entry in entries:
                segment = parse(entry.name)
                if segment is not None and segment.chain != but:
                    chains.setdefault(segment.chain, []).append(segment)
        for chain in self._known.keys() - chains.keys():
            del self._known[chain]
        found = (self._look(sorted(segments)) for _, segments in sorted(chains.items()))
        return tuple(head for head in found if head is not None)

    def forget(self) -> None:
        """Give everything anew at the next look."""
        self._known.clear()

    def _look(self, segments: list[Segment]) -> Head | None:
        last = segments[-1]
        segment, size, known = self._known.get(last.chain, (None, -1, None))
        if known is not None and known.final:
            return None
        path = self._directory / last.name
        try:
            # Asked before the size: a writer that is gone by then has written all it ever will.
            gone = not lock.held(path)
            now = path.stat().st_size
            if known is not None and segment == last and not gone and _only_checkpoints(path, size, now):
                self._known[last.chain] = (last, now, known)
                return None
            head = self._last_seal(segments)
            if gone:
                head = self._final(head, segments)
        except FileNotFoundError:
            return None  # Removed in this moment, its retention being over.
        if not gone and head.seq < 0:
            return None  # It has only just been opened.
        self._known[last.chain] = (last, now, head)
        return head if head != known else None

    def _final(self, head: Head, segments: list[Segment]) -> Head:
        """With the size of the segment in which the last seal stands; a later one without any was never durable."""
        (sealed_in,) = (segment for segment in segments if segment.number == head.segment)
        size = (self._directory / sealed_in.name).stat().st_size
        return replace(head, final=True, size=size)

    def _last_seal(self, segments: list[Segment]) -> Head:
        """A chain's; a segment in which a crash left none is at the head of the one before."""
        for segment in reversed(segments):
            found = sealed.last_seal(self._directory / segment.name)
            if found is not None:
                line = found[0]
                return Head(segment.chain, segment.number, orjson.loads(line)["seq"], merkle.leaf(line).hex())
        return Head(segments[-1].chain, segments[-1].number, -1, GENESIS)


def _only_checkpoints(path: Path, before: int, now: int) -> bool:
    """Whether a segment has grown by checkpoints alone, or not at all.

    Two keepers in one directory would otherwise go on telling of each other's telling for ever.
    """
    if now - before > _MOST_CHECKPOINTS:
        return False
    with path.open("rb") as file:
        file.seek(before)
        lines = file.read(now - before).splitlines()
    return all(b'"event":"checkpoint"' in line or b'"event":"seal"' in line for line in lines)
