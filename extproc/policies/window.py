"""The hold-back of one streamed place: text goes as soon as no rule can still match across its end, never sooner.

For each rule the window knows a position: everything before it is settled, and a match can only start at or after it.
A push searches each rule from there with the expression of `reach.py`, which yields matches that are final and then,
at most, one start from which a match is still open. Text up to the first open start goes out, with whole clusters of
overlapping matches replaced (overlap.py). So what a stream delivers is what the unary path would have delivered,
however it is cut, and a push costs time in what is held plus what is new.

Over `limit` held characters a pattern is open-ended (`BEGIN.*END` that never ends). Then an open block rule blocks;
an open redact rule's marker goes out at once and its text is dropped as it comes, until its match ends or fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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

_NOTHING = Released("")


class StreamRules:
    """Rules of all policies that apply to one place, compiled for streams. Immutable, shared by all windows.

    `order` is the chain's order: policy kind to position.
    """

    __slots__ = ("gates", "open", "order", "rules")

    def __init__(self, rules: tuple[Rule, ...], order: Mapping[str, int]) -> None:
        self.rules = rules
        self.order = order
        self.open = [re2.compile(awaiting(rule.pattern.tree).encode(), options()) for rule in rules]
        sizes = [2 * rule.pattern.compiled.programsize for rule in rules]
        expressions = [approaching(rule.pattern.tree) or rule.pattern.source for rule in rules]
        self.gates = gate(list(zip(expressions, sizes, strict=True)))


class Window:
    """The hold-back of one place. See the module's text; `limit` is in characters.

    Raises PolicyFailed when a rule's own code raises, unless `fail_open`: then that rule stops looking.
    """

    def __init__(self, compiled: StreamRules, *, limit: int = HOLD_LIMIT, fail_open: bool = False) -> None:
        self._compiled = compiled
        self._limit = limit
        self._fail_open = fail_open
        # Every position below counts characters from the start of the stream; `_buffer` starts at `_base`.
        self._buffer = ""
        self._base = 0
        self._released = 0
        self._searched = 0
        # Where the rules stand that have an open match; all others stand at `_searched`.
        self._open: dict[int, int] = {}
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
        return self._advance(final=False)

    def finish(self) -> Released:
        """The place has ended: judge and release what is held."""
        return _NOTHING if self._ended else self._advance(final=True)

    def _advance(self, *, final: bool) -> Released:
        self._ended = final
        self._look_at = 0
        refused, observed = self._search(final=final)
        end = self._searched
        actions = [self._compiled.rules[index].action for index in self._open]
        safe = min(
            (at for at, act in zip(self._open.values(), actions, strict=True) if act is not Action.OBSERVE), default=end
        )
        block = None
        if refused:
            self._ended = True
            safe = min(safe, *(start for _, start in refused))
            block = _block(min(refused, key=lambda item: (self._compiled.order[item[0].policy], item[1]))[0])
        text, findings = self._release(safe)
        if end - self._front > self._limit and not self._ended:
            marker, block = self._overflow(end)
            text += marker
        self._trim()
        return Released(text, (*observed, *findings), block) if text or findings or observed or block else _NOTHING

    def _search(self, *, final: bool) -> tuple[list[tuple[Rule, int]], list[Finding]]:
        """Bring every rule up to the end of the buffer; what matched goes to `_pending`, refusals are returned."""
        refused: list[tuple[Rule, int]] = []
        observed: list[Finding] = []
        standing = self._open
        self._open = {}
        # One character before the first position is context enough for `\\b` and `^`.
        low = max(min(standing.values(), default=self._searched) - self._base - 1, 0)
        text = self._buffer[low:] if low else self._buffer
        data = text.encode("utf-8", "replace")
        for index in candidates(self._compiled.gates, data):
            if index in self._disabled:
                continue
            rule = self._compiled.rules[index]
            at = standing.get(index, self._searched)
            for start, stop, is_open in self._matches(index, text, data, at - self._base - low, final=final):
                if is_open:
                    # A rule that only observes holds nothing back, and remembers no more than the others may hold.
                    if rule.action is not Action.OBSERVE or len(data) - start < self._limit:
                        self._open[index] = start + self._base + low
                    break
                for finding in self._confirmed(index, start + self._base + low, stop + self._base + low):
                    if rule.action is Action.REDACT:
                        self._pending.append(finding)
                    elif rule.action is Action.OBSERVE:
                        observed.append(finding)
                    else:
                        refused.append((rule, finding.start))
        self._searched = self._base + len(self._buffer)
        return refused, observed

    def _matches(self, index: int, text: str, data: bytes, at: int, *, final: bool) -> Iterator[tuple[int, int, bool]]:
        """(start, end, open) of one rule's matches in `text` from `at`, in characters; an open one is the last."""
        expression = self._compiled.rules[index].pattern.compiled if final else self._compiled.open[index]
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
            if not self._fail_open:
                raise PolicyFailed(rule.policy) from error
            self._disabled.add(index)

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

    def _overflow(self, end: int) -> tuple[str, Block | None]:
        """More than `limit` characters wait for open matches: block, or send a marker in their place."""
        rules = self._compiled.rules
        for index, at in self._open.items():
            if rules[index].action is Action.BLOCK and end - at > self._limit:
                self._ended = True
                return "", _block(rules[index])
        marker = ""
        if self._released <= self._front:
            for index, at in self._open.items():
                if at == self._front and rules[index].action is Action.REDACT:
                    self._pending += self._confirmed(index, at, end, refine=whole)
            marker = next(clusters(self._pending, self._compiled.order)).marker
            self._released = end
        self._ended = end - self._front > _GIVE_UP * self._limit
        self._look_at = int((end - self._base) * _GROWTH)
        return marker, None

    def _trim(self) -> None:
        """Forget what was released, except for the characters that refinements and assertions may still look at."""
        cut = min(self._released, min(self._open.values(), default=self._searched)) - CONTEXT - self._base
        if cut > 0:
            self._buffer = self._buffer[cut:]
            self._base += cut


def _block(rule: Rule) -> Block:
    return Block(rule.policy, rule.name, rule.message)
