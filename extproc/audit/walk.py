"""One chain from its first segment to its last: every line, every seal, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extproc.audit import opened as opening
from extproc.audit import signature
from extproc.audit.links import Links, Trouble, document
from extproc.audit.report import Place
from extproc.audit.source import LineTooLong, Source, lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from extproc.audit.opened import Opened
    from extproc.audit.report import Report

# Events whose lines say something of other chains, of files, or of what is not there.
TELLING = frozenset({"opened", "checkpoint", "pruned", "dropped"})


@dataclass(frozen=True, slots=True)
class Told:
    """A line of TELLING under a seal that holds. `asked`: whether what it says of other chains must be here already."""

    place: Place
    document: dict[str, Any]
    asked: bool


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal: its number, hash (hex), segment and time; and what its batch tells, which is nothing unless it holds."""

    seq: int
    hash: str
    segment: int
    time: str
    told: tuple[Told, ...] = ()


@dataclass(slots=True)
class Span:
    """What a segment holds: its first line's number, and its last seal."""

    source: Source
    first: int
    seal: Seal | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Segments `low` to `high` are not here: line `seq` was to come, after one of `hash`; `next` came, after `prev`."""

    low: int
    high: int
    seq: int
    hash: str
    next: int
    prev: str
    source: Source


@dataclass(frozen=True, slots=True)
class Tail:
    """Bytes behind the last seal: where they begin, and how many."""

    source: Source
    offset: int
    size: int


class Walk:
    """Reads one chain for a report: `seals` does the work; the attributes say what is known so far.

    `first` is the number of the first line that is here, `last` the last seal. `opened` is what the first segment says,
    and `trusted` whether one of `keys` vouches for it (or there are none).
    """

    def __init__(self, chain: str, sources: Sequence[Source], keys: Collection[bytes], report: Report) -> None:
        self.chain = chain
        self.sources = sorted(sources, key=lambda source: (source.segment.number, source.name))
        self.first: int | None = None
        self.last: Seal | None = None
        self.opened: Opened | None = None
        self.trusted = False
        self.spans: dict[int, Span] = {}
        self.gaps: list[Gap] = []
        self.closed = False
        self.tail: Tail | None = None
        self._keys = keys
        self._report = report
        self._links = Links(chain)
        self._key: Ed25519PublicKey | None = None
        self._stopped = False
        self._sound = True
        self._closing = False
        self._told: list[Told] = []
        self._events: list[str] = []
        self._blamed = ("", 0)

    def seals(self) -> Iterator[Seal]:
        """Read on to the next seal, each time; what is wrong on the way goes to the report."""
        number = 0
        for source in self.sources:
            self._report.totals.segments += 1
            self._report.totals.bytes += source.size
            if source.segment.number == number:
                text = f"segment {number} of chain {self.chain} is here twice"
                self._report.find("duplicate-segment", source.name, text)
            elif not self._stopped:
                yield from self._segment(source, before=number)
                number = source.segment.number

    def _segment(self, source: Source, before: int) -> Iterator[Seal]:
        if self.tail is not None:
            text = f"{self.tail.size} bytes without a seal, though another segment follows"
            self._report.find("unsealed", self.tail.source.name, text, offset=self.tail.offset)
            self.tail = None
            self._begin_batch()
        end = sealed_to = number = 0
        missing = source.segment.number > before + 1
        try:
            for offset, line, whole in lines(source.chunks()):
                number, end = number + 1, offset + len(line) + whole
                if self.closed:
                    self._stop("after-closed", source, number, "more follows after the chain was closed")
                    return
                if not whole:
                    self._torn(source, number, line, anywhere=missing and number == 1)
                    break
                parsed = document(line)
                if number == 1:
                    self._first(source, parsed, before if missing else None)
                event = parsed.get("event")
                if event == "seal":
                    sealed_to = end
                    yield self._seal(source, number, line, parsed)
                    continue
                self._trouble(source, number, self._links.take(line, parsed))
                if number == 1:
                    self._opened(source, parsed)
                elif event == "opened":
                    self._trouble(source, number, Trouble("misplaced-line", "a segment opens in the middle of one"))
                self._closing = self._closing or event == "closed"
                self._events.append(str(event))
                if event in TELLING:
                    asked = source.claims_until is None or offset < source.claims_until
                    self._told.append(Told(Place(source.name, number), parsed, asked))
        except LineTooLong as error:
            self._report.find("line-too-long", source.name, str(error), offset=error.offset)
            self._stopped = True
            return
        if end > sealed_to or not number:
            self.tail = Tail(source, sealed_to, end - sealed_to)

    def _first(self, source: Source, parsed: dict[str, Any], before: int | None) -> None:
        """Begin a segment; `before` is the number of the segment that was read before, if others are missing."""
        seq, head = self._links.seq, self._links.head
        if before is not None and self._links.adopt(parsed):
            high = source.segment.number - 1
            self.gaps.append(Gap(before + 1, high, seq, head, self._links.seq, self._links.head, source))
        elif before is not None:
            self.gaps.append(Gap(before + 1, source.segment.number - 1, seq, head, -1, "", source))
        if self.first is None:
            self.first = self._links.seq
        self.spans[source.segment.number] = Span(source, self._links.seq)

    def _opened(self, source: Source, parsed: dict[str, Any]) -> None:
        try:
            opened = opening.parse(parsed)
        except ValueError as error:
            self._find("opened", source, 1, str(error))
            return
        segment = source.segment
        if (opened.segment, opened.time[:10]) != (segment.number, segment.date):
            text = f"it opens segment {opened.segment} on {opened.time[:10]}, which the file's name denies"
            self._find("opened", source, 1, text)
        if self.opened is None:
            self.opened, self._key = opened, signature.loaded(opened.public)
            self._vouch(source, opened)
        elif not opened.same_session(self.opened):
            self._find("session-key", source, 1, "another key or certificate than in the chain's segments before")
        totals = self._report.totals
        totals.first = min(totals.first or opened.time, opened.time)

    def _vouch(self, source: Source, opened: Opened) -> None:
        signer = opened.signer(self._keys)
        self._report.vouched[signer] += 1
        if opened.certificate is not None:
            self._report.claimed[opened.certificate.key] += 1
        self.trusted = bool(signer) or not self._keys
        if not self.trusted:
            named = opened.certificate
            text = "has no certificate" if named is None else f"is not vouched for by key {named.key[:64]!r}"
            self._report.find("not-vouched", source.name, f"the session key {text}", line=1)

    def _seal(self, source: Source, number: int, line: bytes, parsed: dict[str, Any]) -> Seal:
        for trouble in self._links.seal(line, parsed, self._key):
            # When a line of the batch is known to be wrong, its root cannot be right.
            if self._sound or trouble.code != "batch":
                self._trouble(source, number, trouble)
        if self._sound and self._key is None:
            self._trouble(source, number, Trouble("opened", "a seal, but no line before it says whose key made it"))
        holds = self._sound
        time = str(parsed.get("time"))
        told = tuple(self._told) if holds else ()
        seal = self.last = Seal(self._links.seq - 1, self._links.head, source.segment.number, time, told)
        self.spans[source.segment.number].seal = seal
        self.closed = self._closing
        if holds:
            totals = self._report.totals
            totals.lines += len(self._events) + 1
            totals.events.update(self._events)
            totals.events["seal"] += 1
            totals.last = max(totals.last, time)
        self._begin_batch()
        return seal

    def _begin_batch(self) -> None:
        self._links.leaves.clear()
        self._told.clear()
        self._events.clear()
        self._sound, self._closing = True, False

    def _torn(self, source: Source, number: int, line: bytes, *, anywhere: bool) -> None:
        # After a power failure a file may end in zeros: its length was on the disk before its bytes.
        if not self._links.begins(line.rstrip(b"\0"), anywhere=anywhere):
            self._find("torn-line", source, number, "what stands behind the last whole line does not belong there")

    def _trouble(self, source: Source, number: int, trouble: Trouble | None) -> None:
        if trouble is not None:
            self._sound = False
            self._find(trouble.code, source, max(1, number - trouble.before), trouble.text)

    def _find(self, code: str, source: Source, number: int, text: str) -> None:
        """Tell it, but not twice of one line."""
        self._sound = False
        if self._blamed != (source.name, number):
            self._blamed = (source.name, number)
            self._report.find(code, source.name, text, line=number)

    def _stop(self, code: str, source: Source, number: int, text: str) -> None:
        self._stopped = True
        self._find(code, source, number, text)
