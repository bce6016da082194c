"""The first look at a text: which rules are worth searching it for, and whether anything in it may be disguised."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import re2

from extproc.policies.base import CONTEXT
from extproc.policies.disguise import SUSPECT, SUSPECT_ESCAPE, Disguised, disguises, kinds
from extproc.policies.scan import candidates, gate, options
from extproc.policies.syntax import prefix
from extproc.policies.verdict import Hits, Text

if TYPE_CHECKING:
    from extproc.policies.rule_set import RuleSet
    from extproc.policies.scan import Pattern

# Only around disguises may expressions match anew that match no more characters than this, and a few others.
_FAR = 1000
_FEW = 2

# Behind the rules: words behind escapes, and disguised characters.
_SUSPECTS = [(each, re2.compile(each.encode(), options()).programsize) for each in (SUSPECT_ESCAPE, SUSPECT)]


class Gate:
    """One look at a text for several rule sets at once: each would need a pass of its own, at 11 µs for 8 KB.

    The same look tells whether anything in the text may be disguised, which costs nothing there and 10 µs by itself.
    If so, only what may touch a disguise is looked at once more: the rest reads as it is written.
    """

    __slots__ = ("_endless", "_gates", "_nothing", "_reach", "_rules", "_sets")

    def __init__(self, sets: Sequence[RuleSet]) -> None:
        self._sets = sets
        # What most texts are told.
        self._nothing: dict[object, Hits] = dict.fromkeys(sets, Hits(()))
        # An expression that several rules share is looked for once.
        expressions: dict[str, Pattern] = {}
        rules: dict[str, list[tuple[RuleSet, int]]] = {}
        for each in sets:
            for index, rule in enumerate(each.rules):
                pattern = rule.gate or rule.pattern
                expressions[pattern.source] = pattern
                rules.setdefault(pattern.source, []).append((each, index))
        self._rules = list(rules.values())
        sizes = [(source, pattern.compiled.programsize) for source, pattern in expressions.items()]
        self._gates = gate([*sizes, *_SUSPECTS])
        self._endless = [
            (index, prefix(pattern.tree).encode(), pattern.compiled)
            for index, pattern in enumerate(expressions.values())
            if pattern.length > _FAR
        ]
        patterns = [*expressions.values(), *(rule.pattern for each in sets for rule in each.rules)]
        lengths = [pattern.length for pattern in patterns if pattern.length <= _FAR]
        self._reach = int(max([*lengths, *(len(begins) for _, begins, _ in self._endless)], default=0))

    def look(self, text: Text) -> bool:
        """Tell the text which rules of each set may match somewhere, as it is written and in its plain form.

        Returns: whether any may.
        """
        written = candidates(self._gates, text.data)
        if not written:
            text.hits.update(self._nothing)
            return False
        disguised = None
        hidden: Collection[int] = ()
        suspects = [written.pop() for _ in _SUSPECTS if written and written[-1] >= len(self._rules)]
        if suspects:
            known = kinds(text.data) if suspects[0] > len(self._rules) else ()
            if found := list(disguises(text.text, suspects=known)):
                disguised = Disguised(text.text, found)
                hidden = self._hidden(disguised, written, text.data)
        for each in self._sets:
            text.hits[each] = Hits(self._of(each, written), disguised, self._of(each, hidden))
        return bool(written or hidden)

    def _of(self, rules: RuleSet, hits: Iterable[int]) -> Sequence[int]:
        return [index for hit in hits for each, index in self._rules[hit] if each is rules] if hits else ()

    def _hidden(self, text: Disguised, written: Iterable[int], data: bytes) -> Collection[int]:
        """What may match in the plain form: elsewhere than where that differs, a match is one as written."""
        around = text.around(self._reach + 1, self._reach + 1 + CONTEXT) if len(self._endless) <= _FEW else None
        if around is None:
            hits = {*candidates(self._gates, text.data)}
        else:
            parts = around.encode("utf-8", "replace")
            hits = {*written, *candidates(self._gates, parts)}
            hits.update(
                index
                for index, begins, expression in self._endless
                if (begins in parts or begins in data) and expression.search(text.data)
            )
        hits.difference_update((len(self._rules), len(self._rules) + 1))
        # A match as written that a disguise has lengthened may have hidden another, as long as itself.
        if hits and (around := text.around(self._reach + 1, 2 * self._reach + 1)) is not None:
            parts = around.encode("utf-8", "replace")
            hits = {
                hit for hit in hits if any(_matches(each.rules[at].pattern, parts) for each, at in self._rules[hit])
            }
        return hits


def _matches(pattern: Pattern, parts: bytes) -> bool:
    return pattern.length > _FAR or pattern.compiled.search(parts) is not None
