r"""The hold-back of one streamed place: text goes as soon as no rule can still match across its end, never sooner.

Everything before the window's floor is settled; a match can only start at or after it. A push looks at the text from
the floor on, in one of two ways:

* No rule has a complete match there (one `re2.Set` pass). Then the earliest place from which any rule still has an
  open path is the new floor; one search backwards from the end finds it (`approaching` of reach.py, ending at `\z`).
* Else each rule that hit is searched with its own `awaiting` expression, which yields the matches that are final and
  then, at most, one start from which a match is still open. The earliest open start is the new floor.

Text up to the floor goes out, with whole clusters of overlapping matches replaced (overlap.py). So what a stream
delivers is what the unary path would have delivered, however it is cut, and a push costs time in what is held plus
what is new.

Over `limit` held characters a pattern is open-ended (`BEGIN.*END` that never ends). Then an open block rule blocks;
an open redact rule's marker goes out at once and its text is dropped as it comes, until its match ends or fails.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

import re2

from extproc.policies.base import CONTEXT, Action, Refine, Rule, whole
from extproc.policies.overlap import clusters
from extproc.policies.reach import approaching, awaiting
from extproc.policies.scan import candidates, gate, options
from extproc.policies.verdict import Block, Finding, PolicyFailed, Released

# Characters held at most before an open match is treated as one.
HOLD_LIMIT = 8192
# While dropping, the text of an open match is looked at again only when it has grown by this factor, which keeps the
# total work linear; past this many limits, the rest of the place is dropped unseen.
_GROWTH = 1.25
_GIVE_UP = 64

# Released text is cut off the buffer in portions of at least so many characters.
_TRIM_AT = 256
# Instructions of rules whose open paths are looked for by one expression. More of them together have more states than
# can be kept: with all entities and secrets a token took 42 µs in one expression, and takes 8 µs in three.
_MOST_TOGETHER = 5_000

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
        self.awaiting = [re2.compile(awaiting(tree).encode(), options()) for tree in trees]
        self.complete = gate([(rule.pattern.source, size) for rule, size in zip(rules, sizes, strict=True)])
        self.gates = gate([(source, 2 * size) for source, size in zip(approaches, sizes, strict=True)])
        self.approaching = [
            re2.compile(rf"(?:{'|'.join(batch)})\z".encode(), options()) for batch in _batches(approaches, sizes)
        ]


def _batches(sources: Sequence[str], sizes: Sequence[int]) -> Iterator[list[str]]:
    """Alternatives of one expression, as many as compile together well within RE2's memory."""
    batch: list[str] = []
    total = 0
    for source, size in zip(sources, sizes, strict=True):
        if batch and total + size > _MOST_TOGETHER:
            yield batch
            batch, total = [], 0
        batch.append(source)
        total += size
    yield batch


class Window:
    """The hold-back of one place. See the module's text; `limit` is in characters.

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
    ) -> None:
        self._compiled = compiled
        self._limit = limit
        self._fail_open = fail_open
        self._failed = set() if failed is None else failed
        # Every position below counts characters from the start of the stream; `_buffer` starts at `_base`.
        self._buffer = ""
        self._base = 0
        self._released = 0
        self._floor = 0
        # Rules that stand ahead of the floor: each at the end of its last match.
        self._ahead: dict[int, int] = {}
        self._pending: list[Finding] = []
        self._disabled: set[int] = set()
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
        self._buffer += text
        if len(self._buffer) < self._look_at:
            return _NOTHING
        if self._pending or self._compiled.observes or self._released > self._floor or not self._glide():
            return self._advance(final=False)
        passed = self._cut(self._floor)
        self._trim()
        return Released(passed) if passed else _NOTHING

    def finish(self) -> Released:
        """The place has ended: judge and release what is held."""
        return _NOTHING if self._ended else self._advance(final=True)

    def _glide(self) -> bool:
        """Move the floor where there is no complete match at all; False, and nothing moved, where there is one."""
        # One character before the floor is context enough for `\b` and `^`.
        low = max(self._floor - self._base - 1, 0)
        text = self._buffer[low:] if low else self._buffer
        data = text.encode("utf-8", "replace")
        for each, _ in self._compiled.complete:
            if each.Match(data):
                return False
        context = len(text[: self._floor - self._base - low].encode("utf-8", "replace"))
        offset = len(data)
        for expression in self._compiled.approaching:
            if match := expression.search(data, context):
                offset = min(offset, match.start())
        floor = self._base + low + (offset if len(data) == len(text) else len(data[:offset].decode()))
        if self._base + len(self._buffer) - floor > self._limit:
            return False
        self._floor = self._front = floor
        return True

    def _advance(self, *, final: bool) -> Released:
        self._ended = final
        self._look_at = 0
        opened, refused, observed = self._search(final=final)
        end = self._base + len(self._buffer)
        rules = self._compiled.rules
        self._floor = min(opened.values(), default=end)
        self._ahead = {index: at for index, at in self._ahead.items() if at > self._floor}
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
        self._trim()
        return Released(text, (*observed, *findings), block) if text or findings or observed or block else _NOTHING

    def _search(self, *, final: bool) -> tuple[dict[int, int], list[tuple[Rule, int]], list[Finding]]:
        """Search every rule from where it stands: open starts by rule, refusals, and observations.

        Redactions go to `_pending`.
        """
        opened: dict[int, int] = {}
        refused: list[tuple[Rule, int]] = []
        observed: list[Finding] = []
        low = max(self._floor - self._base - 1, 0)
        origin = self._base + low
        text = self._buffer[low:]
        data = text.encode("utf-8", "replace")
        for index in candidates(self._compiled.gates, data):
            rule = self._compiled.rules[index]
            at = max(self._floor, self._ahead.get(index, 0))
            for start, stop, is_open in self._matches(index, text, data, at - origin, final=final):
                if index in self._disabled:
                    break
                if is_open:
                    # A rule that only observes holds nothing back, and remembers no more than the others may hold.
                    if rule.action is not Action.OBSERVE or len(text) - start <= self._limit:
                        opened[index] = origin + start
                    else:
                        self._ahead[index] = origin + len(text)
                    break
                self._ahead[index] = origin + stop
                for finding in self._confirmed(index, origin + start, origin + stop):
                    if rule.action is Action.REDACT:
                        self._pending.append(finding)
                    else:
                        observed.append(finding)
                    if rule.action is Action.BLOCK:
                        refused.append((rule, finding.start))
        return opened, refused, observed

    def _matches(self, index: int, text: str, data: bytes, at: int, *, final: bool) -> Iterator[tuple[int, int, bool]]:
        """(start, end, open) of one rule's matches in `text` from `at`, in characters; an open one is the last."""
        expression = self._compiled.rules[index].pattern.compiled if final else self._compiled.awaiting[index]
        subject = data if final else data + b"\0"
        narrow = len(data) == len(text)
        offset = at if narrow else len(text[:at].encode("utf-8", "replace"))
        while match := expression.search(subject, offset):
            start, stop = match.span()
            is_open = stop > len(data)
            if is_open and start >= len(data):
                return
            if narrow:
                yield start, stop, is_open
            else:
                # Counted from the last match, so that many matches stay linear.
                first = at + len(data[offset:start].decode())
                at = first + len(data[start:stop].decode())
                yield first, at, is_open
            offset = stop

    def _confirmed(self, index: int, start: int, stop: int, refine: Refine | None = None) -> Iterator[Finding]:
        rule = self._compiled.rules[index]
        low, high = start - self._base, stop - self._base
        try:
            candidate = self._buffer[low:high]
            for first, last in (refine or rule.refine)(candidate, self._buffer[max(0, low - CONTEXT) : low]):
                marker = rule.replace(candidate[first:last]) if rule.action is Action.REDACT else None
                yield Finding(rule.policy, rule.name, start + first, start + last, marker)
        except Exception as error:
            # A rule that cannot judge must not become an unguarded pass: the fail mode decides.
            if rule.policy not in self._fail_open:
                raise PolicyFailed(rule.policy) from error
            self._disabled.add(index)
            self._failed.add(rule.policy)

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
                pieces.append(cluster.marker)
            self._released = max(self._released, cluster.end)
            findings += cluster.findings
        self._pending = waiting
        self._front = safe
        pieces.append(self._cut(safe))
        return "".join(pieces), tuple(findings)

    def _cut(self, until: int) -> str:
        if until <= self._released:
            return ""
        text = self._buffer[self._released - self._base : until - self._base]
        self._released = until
        return text

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
            marker = next(clusters(self._pending, self._compiled.order)).marker
            self._released = end
        self._ended = end - self._front > _GIVE_UP * self._limit
        self._look_at = int((end - self._base) * _GROWTH)
        return marker, None

    def _trim(self) -> None:
        """Forget what was released, except for the characters that refinements and assertions may still look at."""
        cut = min(self._released, self._floor) - CONTEXT - self._base
        if cut > _TRIM_AT:
            self._buffer = self._buffer[cut:]
            self._base += cut


def _block(rule: Rule) -> Block:
    return Block(rule.policy, rule.name, rule.message)
