"""Records of one segment, for those who read them: only lines under a seal that holds.

What is checked: each line follows the one before, the batch's Merkle root is right, and the seal is signed with the key
that the segment's first line names. What is not: that anybody vouches for that key, that other segments are there, and
what chains say of each other. `verify` checks that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extproc.audit import opened as opening
from extproc.audit import signature
from extproc.audit.links import Links, document
from extproc.audit.merge import begin, side_by_side
from extproc.audit.source import LineTooLong, Source, lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# A batch that is larger is not shown; the gateway writes none that comes near it.
MAX_BATCH_BYTES = 2**28


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a segment: its number in the file, from 1, its bytes without the newline, and its JSON."""

    number: int
    raw: bytes
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines and the seal that holds for them; `opened` is the segment's first line, `time` the seal's (RFC 3339)."""

    file: str
    chain: str
    time: str
    opened: bytes
    lines: tuple[Line, ...]
    seal: Line


class Reader:
    """Takes a segment's bytes as they come, and gives the batches in them.

    `doubts` are places of batches that do not hold, with the number of their lines: they are not given.
    """

    def __init__(self, source: Source) -> None:
        self.doubts: list[str] = []
        self._source = source
        self._links = Links(source.segment.chain)
        self._rest = b""
        self._number = 0
        self._key: Ed25519PublicKey | None = None
        self._opened = b""
        self._held: list[Line] = []
        self._bytes = 0
        self._sound = True

    def feed(self, chunks: Iterable[bytes]) -> Iterator[Batch]:
        """The batches that end in these bytes. A line that is too long ends the reading."""
        try:
            for _, raw, whole in lines(_behind(self._rest, chunks)):
                self._rest = b"" if whole else raw
                if whole:
                    self._number += 1
                    batch = self._take(Line(self._number, raw, document(raw)))
                    if batch is not None:
                        yield batch
        except LineTooLong as error:
            self._doubt(f"{self._source.name}:{self._number + 1}: {error}")
            self._rest, self._sound = b"", False

    def _take(self, line: Line) -> Batch | None:
        if line.number == 1:
            self._begin(line)
        if line.document.get("event") != "seal":
            self._sound = self._links.take(line.raw, line.document) is None and self._sound
            self._bytes += len(line.raw)
            if self._bytes > MAX_BATCH_BYTES:
                self._held.clear()
                self._sound = False
            else:
                self._held.append(line)
            return None
        troubles = self._links.seal(line.raw, line.document, self._key)
        held, sound = tuple(self._held), self._sound and not troubles and self._key is not None
        self._held.clear()
        self._bytes, self._sound = 0, True
        if sound:
            time = str(line.document.get("time"))
            return Batch(self._source.name, self._source.segment.chain, time, self._opened, held, line)
        first = held[0].number if held else line.number
        self._doubt(
            f"{self._source.name}:{first}: {len(held)} lines up to line {line.number} are under no seal that holds"
        )
        return None

    def _begin(self, line: Line) -> None:
        self._links.adopt(line.document)
        try:
            opened = opening.parse(line.document)
        except ValueError:
            return
        self._key, self._opened = signature.loaded(opened.public), line.raw

    def _doubt(self, text: str) -> None:
        self.doubts.append(text)


def batches(source: Source, doubts: list[str]) -> Iterator[Batch]:
    """Every batch of a segment; `doubts` gets what is not given."""
    reader = Reader(source)
    yield from reader.feed(source.chunks())
    doubts.extend(reader.doubts)


def _behind(rest: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    if rest:
        yield rest
    yield from chunks


def in_order(sources: Iterable[Source], doubts: list[str]) -> Iterator[Batch]:
    """The batches of all segments, as good as possible in order of time, each chain in its own."""
    chains: dict[str, list[Source]] = {}
    for source in sources:
        chains.setdefault(source.segment.chain, []).append(source)
    streams: dict[str, tuple[str, Iterator[Batch]]] = {}
    for chain, listed in chains.items():
        listed.sort(key=lambda source: source.segment.number)
        given = (batch for source in listed for batch in batches(source, doubts))
        streams[chain] = begin(listed[0]), given
    return (batch for _, batch in side_by_side(streams) if batch is not None)
