r"""The hold-back of one streamed place: text goes as soon as no rule can still match across its end, never sooner.

Everything before the window's floor is settled; a match can only start at or after it. A push looks at the text from
the floor on, in one of two ways:

* No rule has a complete match there (one `re2.Set` pass). Then the earliest place from which any rule still has an
  open path is the new floor; one search backwards from the end finds it (`approaching` of reach.py, ending at `\z`).
* Else each rule that hit is searched with its own `awaiting` expression, which yields the matches that are final and
  then, at most, one start from which a match is still open. The earliest open start is the new floor.

Text with disguised characters (disguise.py) is searched twice, as it is written and in its plain form, by two tracks
(track.py); the lower floor holds. In ordinary text there is one track, and again some way behind the last disguise.

Text up to the floor goes out, with whole clusters of overlapping matches replaced (overlap.py). So what a stream
delivers is what the unary path would have delivered, however it is cut, and a push costs time in what is held plus
what is new.

Over `limit` held characters a pattern is open-ended (`BEGIN.*END` that never ends). Then an open block rule blocks;
an open redact rule's marker goes out at once and its text is dropped as it comes, until its match ends or fails.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

import re2

from extproc.policies.base import CONTEXT, Action, Rule, whole
from extproc.policies.disguise import LOOK_BEHIND, disguises
from extproc.policies.escape import Markers
from extproc.policies.overlap import clusters
from extproc.policies.reach import approaching, awaiting
from extproc.policies.scan import gate, options
from extproc.policies.track import UNTIDY, PlainTrack, Track
from extproc.policies.verdict import Block, Finding, Released

# Characters held at most before an open match is treated as one.
HOLD_LIMIT = 8192
# While dropping, the text of an open match is looked at again only when it has grown by this factor, which keeps the
# total work linear; past this many limits, the rest of the place is dropped unseen.
_GROWTH = 1.25
_GIVE_UP = 64

# Instructions of rules whose open paths are looked for by one expression. More of them together have more states than
# can be kept: all PII and secrets took 48 µs a token in one expression of 14,000, and take 10 in two. Each costs 1.5.
_MOST_TOGETHER = 12_000

_NOTHING = Released("")


class StreamRules:
    """Rules of all policies that apply to one place, compiled for streams. Immutable, shared by all windows.

    `order` is the chain's order: policy kind to position.
    """

    __slots__ = ("approaching", "awaiting", "complete", "gates", "observes", "order", "rules")

    def __init__(self, rules: tuple[Rule, ...], order: Mapping[str, int]) -> None:
        self.rules = rules
        self.order = order
        self.observes = any(rule.action is Action.OBSERVE for rule in rules)
        trees = [rule.pattern.tree for rule in rules]
        sizes = [rule.pattern.compiled.programsize for rule in rules]
        approaches = [approaching(tree) or "(?:)" for tree in trees]
        # Rules may share an expression; whether any of them matches, or approaches, is asked once.
        once = dict(zip((rule.pattern.source for rule in rules), zip(approaches, sizes, strict=True), strict=True))
        self.awaiting = [re2.compile(awaiting(tree).encode(), options()) for tree in trees]
        self.complete = gate([(source, size) for source, (_, size) in once.items()])
        self.gates = gate([(source, 2 * size) for source, size in zip(approaches, sizes, strict=True)])
        self.approaching = [
            re2.compile(rf"(?:{'|'.join(batch)})\z".encode(), options()) for batch in _batches(once.values())
        ]


def _batches(sources: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Alternatives of one expression, as many as compile together well within RE2's memory."""
    batch: list[str] = []
    total = 0
    for source, size in sources:
        if batch and total + size > _MOST_TOGETHER:
            yield batch
            batch, total = [], 0
        batch.append(source)
        total += size
    yield batch


class Window(Track):
    """The hold-back of one place. See the module's text; `limit` is in characters, `in_json` that of the place.

    Raises PolicyFailed when a rule's own code raises, unless its policy is in `fail_open`: then that rule stops
    looking, and `failed` is told its policy.
    """

    def __init__(
        self,
        compiled: StreamRules,
        *,
        limit: int = HOLD_LIMIT,
        fail_open: Container[str] = (),
        failed: set[str] | None = None,
        in_json: bool = False,
    ) -> None:
        failed = set() if failed is None else failed
        super().__init__(compiled, limit=limit, fail_open=fail_open, failed=failed, in_json=in_json)
        self._markers = Markers() if in_json else None
        self._released = 0
        self._pending: list[Finding] = []
        # The reading without disguises, and the end of the last piece with a disguised character as written.
        self._plain: PlainTrack | None = None
        self._disguised = 0
        # Where release stops for now; behind `_released` only when an overflow has sent its marker already.
        self._front = 0
        self._look_at = 0
        self._ended = False

    @property
    def held(self) -> int:
        """Characters held back at present."""
        return self._base + len(self._buffer) - self._released

    def push(self, text: str) -> Released:
        """Take the next piece; release what no rule can still reach."""
        if self._ended or not text:
            return _NOTHING
        buffer, plain = self._buffer, self._plain
        before = buffer[-LOOK_BEHIND:]
        # Where this is not so there is nothing to look for.
        suspect = "\\" in text or "\\" in before or not text.isascii()
        if suspect and plain is None and next(disguises(text, before), None) is not None:
            plain = self._plain = self.plain()
        self._buffer = buffer = buffer + text
        if plain is not None and plain.feed(text):
            self._disguised = self._base + len(buffer)
        if len(buffer) < self._look_at:
            return _NOTHING
        if self._pending or self._compiled.observes or not self._glides():
            return self._advance(final=False)
        lowest = self._floor if plain is None else self._lowest
        passed = self._cut(lowest)
        if self._found or plain is not None or lowest - self._base > UNTIDY:
            self._tidy(lowest)
        return Released(passed) if passed else _NOTHING

    def finish(self) -> Released:
        """The place has ended: judge and release what is held."""
        return _NOTHING if self._ended else self._advance(final=True)

    @property
    def _lowest(self) -> int:
        """The floor, or that of the other reading where it is lower."""
        return min(self._floor, self._plain.written_floor) if self._plain else self._floor

    def _glides(self) -> bool:
        """Move the floors where no reading has a complete match, and no more is held than may be.

        Not while more is released than is settled: an overflow has sent its marker.
        """
        plain = self._plain
        if plain is None:
            return self._released <= self._floor and self.glide()
        if self._released > self._lowest or not self.glide() or not plain.glide():
            return False
        return self._base + len(self._buffer) - self._lowest <= self._limit

    def _advance(self, *, final: bool) -> Released:
        self._ended = final
        self._look_at = 0
        opened, refused, observed, redacted = self.look(final=final)
        self._pending += redacted
        if self._plain:
            more = self._plain.look(final=final)
            for index, at in more.opened.items():
                opened[index] = min(at, opened.get(index, at))
            refused += more.refused
            observed += more.observed
            self._pending += more.redacted
        end = self._base + len(self._buffer)
        rules = self._compiled.rules
        safe = min((at for index, at in opened.items() if rules[index].action is not Action.OBSERVE), default=end)
        block = None
        if refused:
            self._ended = True
            safe = min(safe, *(start for _, start in refused))
            block = _block(min(refused, key=lambda item: (self._compiled.order[item[0].policy], item[1]))[0])
        text, findings = self._release(safe)
        if end - self._front > self._limit and not self._ended:
            marker, block = self._overflow(opened, end)
            text += marker
        self._tidy(self._lowest)
        return Released(text, (*observed, *findings), block) if text or findings or observed or block else _NOTHING

    def _release(self, safe: int) -> tuple[str, tuple[Finding, ...]]:
        """Everything before `safe`, complete clusters replaced; a cluster that reaches past it waits."""
        if not self._pending:
            self._front = safe
            return self._cut(safe), ()
        pieces = []
        findings: list[Finding] = []
        waiting: list[Finding] = []
        for cluster in clusters(self._pending, self._compiled.order):
            if cluster.end > safe:
                safe = min(safe, cluster.start)
                waiting += [item for item in self._pending if item.start >= cluster.start]
                break
            pieces.append(self._cut(cluster.start))
            # A marker that overflow has sent already is not sent twice.
            if self._released <= cluster.start:
                pieces.append(self._begin(cluster.marker))
            self._cut(cluster.end)
            if self._markers:
                pieces.append(self._markers.close())
            findings += cluster.findings
        self._pending = waiting
        self._front = safe
        pieces.append(self._cut(safe))
        return "".join(pieces), tuple(findings)

    def _cut(self, until: int) -> str:
        if until <= self._released:
            return ""
        base = self._base
        text = self._buffer[self._released - base : until - base]
        self._released = until
        return self._markers.read(text) if self._markers else text

    def _begin(self, marker: str) -> str:
        return self._markers.open(marker) if self._markers else marker

    def _overflow(self, opened: Mapping[int, int], end: int) -> tuple[str, Block | None]:
        """More than `limit` characters wait for open matches: block, or send a marker in their place."""
        rules = self._compiled.rules
        for index, at in opened.items():
            if rules[index].action is Action.BLOCK and end - at > self._limit:
                self._ended = True
                return "", _block(rules[index])
        marker = ""
        if self._released <= self._front:
            for index, at in opened.items():
                if at == self._front and rules[index].action is Action.REDACT:
                    self._pending += self._confirmed(index, at, end, refine=whole)
            marker = self._begin(next(clusters(self._pending, self._compiled.order)).marker)
            self._cut(end)
        self._ended = end - self._front > _GIVE_UP * self._limit
        self._look_at = int((end - self._base) * _GROWTH)
        return marker, None

    def _tidy(self, lowest: int) -> None:
        """Forget what is settled before the lowest floor, and the second reading where it cannot differ any more."""
        if self._found:
            self.settle(lowest)
        if self._plain:
            self._plain.trim(lowest)
            same = self._plain.written_floor == self._floor and self.rests and self._plain.rests
            # From here on both would read the same characters, and the same before them.
            if same and self._disguised <= self._floor - CONTEXT and not self._pending and self._released <= lowest:
                self._plain = None
        self.trim(min(self._released, lowest))


def _block(rule: Rule) -> Block:
    return Block(rule.policy, rule.name, rule.message)
