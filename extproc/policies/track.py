"""Searching a stream as it comes: one reading of a place, either as it is written or without its disguises.

`Track` is the search alone: a buffer, the floor (a match can only start at or after it) and where each rule stands.
What may be released is the window's business (window.py).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import TYPE_CHECKING, NamedTuple

from extproc.policies.base import CONTEXT, Action, Refine, Rule
from extproc.policies.disguise import Offsets
from extproc.policies.escape import behind_escape, unbroken
from extproc.policies.scan import candidates, found_at
from extproc.policies.verdict import Finding, PolicyFailed

if TYPE_CHECKING:
    from extproc.policies.window import StreamRules

# Released text is cut off the buffer in portions of at least so many characters.
_TRIM_AT = 256
# With no more than so many before the floor there is nothing to cut off.
UNTIDY = CONTEXT + _TRIM_AT


Report = Callable[[Rule, int, int], Finding]


class Seen(NamedTuple):
    """What a look at the buffer brought: open starts by rule, refusals, observations and redactions."""

    opened: dict[int, int]
    refused: list[tuple[Rule, int]]
    observed: list[Finding]
    redacted: list[Finding]


class Track:
    """One reading. Every position counts characters from the start of the stream in this reading.

    Raises PolicyFailed when a rule's own code raises, unless its policy is in `fail_open`: then that rule stops
    looking, and `failed` is told its policy.
    """

    def __init__(
        self, compiled: StreamRules, *, limit: int, fail_open: Container[str], failed: set[str], in_json: bool = False
    ) -> None:
        self._compiled = compiled
        self._limit = limit
        self._in_json = in_json
        self._fail_open = fail_open
        self._failed = failed
        # `_buffer` starts at `_base`.
        self._buffer = ""
        self._base = 0
        self._floor = 0
        # Rules that stand ahead of the floor: each at the end of its last match.
        self._ahead: dict[int, int] = {}
        self._disabled: set[int] = set()
        # What was found, for candidates that overlap and for two readings, so that it is not reported twice.
        self._found: set[tuple[int, int, int]] = set()

    def glide(self) -> bool:
        """Move the floor where there is no complete match at all; False, and nothing moved, where there is one."""
        base, buffer = self._base, self._buffer
        # One character before the floor is context enough for `\b` and `^`.
        context = 1 if self._floor > base else 0
        low = self._floor - base - context
        text = buffer[low:]
        data = text.encode("utf-8", "replace")
        compiled = self._compiled
        for each, _ in compiled.complete:
            if each.Match(data):
                return False
        offset = len(data)
        narrow = offset == len(text)
        if context and not narrow:
            context = len(text[:1].encode("utf-8", "replace"))
        for expression in compiled.approaching:
            at = found_at(expression, data, context)
            if 0 <= at < offset:
                offset = at
        floor = base + low + (offset if narrow else len(data[:offset].decode()))
        if base + len(buffer) - floor > self._limit:
            return False
        self._floor = floor
        return True

    def look(self, *, final: bool) -> Seen:
        """Search every rule from where it stands and move the floor to the earliest open start."""
        seen = self._search(final=final)
        self._floor = min(seen.opened.values(), default=self._base + len(self._buffer))
        self._ahead = {index: at for index, at in self._ahead.items() if at > self._floor}
        return seen

    def plain(self) -> PlainTrack:
        """A second reading, which sees what comes without its disguises, and shares what was found and given up."""
        low = max(0, self._floor - self._base - CONTEXT)
        other = PlainTrack(
            self._compiled,
            self._buffer[low:],
            self._base + low,
            floor=self._floor,
            limit=self._limit,
            fail_open=self._fail_open,
            failed=self._failed,
            report=self.finding,
        )
        other.share(self._ahead, self._disabled, self._found)
        return other

    def share(self, ahead: dict[int, int], disabled: set[int], found: set[tuple[int, int, int]]) -> None:
        """Stand where another reading stands, and know what it gives up and finds from now on."""
        self._ahead = dict(ahead)
        self._disabled = disabled
        self._found = found

    @property
    def rests(self) -> bool:
        """Whether every rule stands at the floor."""
        return not self._ahead

    def settle(self, before: int) -> None:
        """Nothing that begins before will be found again."""
        self._found -= {key for key in self._found if key[1] < before}

    def trim(self, before: int) -> None:
        """Forget what is before, except for the characters that refinements and assertions may still look at."""
        cut = min(before, self._floor) - CONTEXT - self._base
        if cut > _TRIM_AT:
            self._buffer = self._buffer[cut:]
            self._base += cut

    def finding(self, rule: Rule, start: int, end: int) -> Finding:
        """What is reported of a confirmed span."""
        start = self._base + behind_escape(self._buffer, start - self._base, end - self._base, rule)
        if self._in_json:
            low, high = unbroken(self._buffer, start - self._base, end - self._base)
            start, end = self._base + low, self._base + high
        text = self._buffer[start - self._base : end - self._base]
        marker = rule.replace(text) if rule.action is Action.REDACT else None
        return Finding(rule.policy, rule.name, start, end, marker)

    def _search(self, *, final: bool) -> Seen:
        opened: dict[int, int] = {}
        refused: list[tuple[Rule, int]] = []
        observed: list[Finding] = []
        redacted: list[Finding] = []
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
                self._ahead[index] = origin + (start + 1 if rule.again else stop)
                for finding in self._confirmed(index, origin + start, origin + stop):
                    if rule.action is Action.REDACT:
                        redacted.append(finding)
                    else:
                        observed.append(finding)
                    if rule.action is Action.BLOCK:
                        refused.append((rule, finding.start))
        return Seen(opened, refused, observed, redacted)

    def _matches(self, index: int, text: str, data: bytes, at: int, *, final: bool) -> Iterator[tuple[int, int, bool]]:
        """(start, end, open) of one rule's matches in `text` from `at`, in characters; an open one is the last."""
        rule = self._compiled.rules[index]
        expression = rule.pattern.compiled if final else self._compiled.awaiting[index]
        subject = data if final else data + b"\0"
        narrow = len(data) == len(text)
        offset = at if narrow else len(text[:at].encode("utf-8", "replace"))
        while match := expression.search(subject, offset):
            start, stop = match.span()
            is_open = stop > len(data)
            if is_open and start >= len(data):
                return
            # Counted from the last match, so that many matches stay linear.
            first = start if narrow else at + len(data[offset:start].decode())
            last = stop if narrow else first + len(data[start:stop].decode())
            yield first, last, is_open
            if rule.again:
                offset, at = start + len(text[first].encode("utf-8", "replace")), first + 1
            else:
                offset, at = stop, last

    def _confirmed(self, index: int, start: int, stop: int, refine: Refine | None = None) -> Iterator[Finding]:
        rule = self._compiled.rules[index]
        low, high = start - self._base, stop - self._base
        try:
            candidate = self._buffer[low:high]
            for first, last in (refine or rule.refine)(candidate, self._buffer[max(0, low - CONTEXT) : low]):
                finding = self.finding(rule, start + first, start + last)
                key = index, finding.start, finding.end
                if key not in self._found:
                    self._found.add(key)
                    yield finding
        except Exception as error:
            # A rule that cannot judge must not become an unguarded pass: the fail mode decides.
            if rule.policy not in self._fail_open:
                raise PolicyFailed(rule.policy) from error
            self._disabled.add(index)
            self._failed.add(rule.policy)


class PlainTrack(Track):
    """The same stream without its disguises; what it reports are positions in the stream as written.

    It begins where the written reading stands: from `floor` on, with the text before it as context. Nothing of
    `buffer`, which starts at `base`, is disguised.
    """

    def __init__(
        self,
        compiled: StreamRules,
        buffer: str,
        base: int,
        *,
        floor: int,
        limit: int,
        fail_open: Container[str],
        failed: set[str],
        report: Report,
    ) -> None:
        super().__init__(compiled, limit=limit, fail_open=fail_open, failed=failed)
        self._offsets = Offsets(base)
        self._buffer = self._offsets.extend(buffer)
        self._base = base
        self._floor = floor
        self._report = report

    @property
    def written_floor(self) -> int:
        """The floor in the stream as written."""
        return self._offsets.start(self._floor)

    def feed(self, text: str) -> bool:
        """Take the next piece as written; whether anything in it was disguised."""
        plain = self._offsets.extend(text)
        self._buffer += plain
        return plain is not text

    def look(self, *, final: bool) -> Seen:
        """As in any track; open starts are places as written."""
        seen = super().look(final=final)
        return seen._replace(opened={index: self._offsets.start(at) for index, at in seen.opened.items()})

    def trim(self, before: int) -> None:
        """Forget what is before, which is a position in the stream as written, and before the floor."""
        del before  # The floor is the one thing that this reading waits for.
        super().trim(self._floor)
        self._offsets.forget(self._base)

    def finding(self, rule: Rule, start: int, end: int) -> Finding:
        """What is reported: the whole disguised text."""
        return self._report(rule, *self._offsets.span(start, end))
