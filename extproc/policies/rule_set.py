"""The rules of one policy and their matches in a whole text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter

from extproc.policies.base import CONTEXT, Rule, Span
from extproc.policies.escape import behind_escape, unbroken
from extproc.policies.gate import Gate
from extproc.policies.verdict import Hits, Text


class RuleSet:
    """Rules of one policy, compiled together. May be used from several threads."""

    __slots__ = ("_gate", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        # Made when it is needed: in a chain, whose gate looks for all of its policies, it never is.
        self._gate: Gate | None = None

    def scan(self, text: Text) -> Iterable[tuple[Rule, int, int]]:
        """Every match that its rule's refinement confirms, rule by rule: (rule, start, end) in code points.

        Candidates of one rule are leftmost and do not overlap; a rejected candidate is passed over as a whole. A text
        with disguised characters (disguise.py) is searched as it is written and in its plain form.
        """
        hits = text.hits.get(self)
        if hits is None:
            if self._gate is None:
                self._gate = Gate([self])
            self._gate.look(text)
            hits = text.hits[self]
        return self._confirmed(text, hits) if hits.written or hits.hidden else ()

    def _confirmed(self, text: Text, hits: Hits) -> Iterator[tuple[Rule, int, int]]:
        found = list(self._scan(text.text, text.data, hits.written)) if hits.written else []
        if hits.hidden and (hidden := hits.disguised):
            spans = self._scan(hidden.plain, hidden.data, hits.hidden)
            found += ((at, *hidden.offsets.span(start, end)) for at, start, end in spans)
            # In the order of the rules, as without disguises.
            found.sort(key=itemgetter(0))
        if found and "\\" in text.text:
            found = [(at, behind_escape(text.text, start, end, self.rules[at]), end) for at, start, end in found]
        if text.place.is_json:
            found = [(at, *unbroken(text.text, start, end)) for at, start, end in found]
        for index, start, end in dict.fromkeys(found):
            yield self.rules[index], start, end

    def _scan(self, text: str, data: bytes, which: Iterable[int]) -> Iterator[tuple[int, int, int]]:
        # Several rules may ask different questions about the matches of one expression.
        known: dict[tuple[str, bool], list[Span]] = {}
        for index in sorted(which):
            rule = self.rules[index]
            key = rule.pattern.source, rule.again
            if key not in known:
                known[key] = list(_code_points(data, text, _spans(rule, data)))
            for start, end in known[key]:
                for inner_start, inner_end in rule.refine(text[start:end], text[max(0, start - CONTEXT) : start]):
                    yield index, start + inner_start, start + inner_end


def _spans(rule: Rule, data: bytes) -> Iterator[tuple[int, int]]:
    expression = rule.pattern.compiled
    if not rule.again:
        yield from (match.span() for match in expression.finditer(data))
        return
    at = 0
    while match := expression.search(data, at):
        yield match.span()
        at = match.start() + 1
        while at < len(data) and data[at] & 0xC0 == 0x80:
            at += 1


def _code_points(data: bytes, text: str, spans: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    if len(data) == len(text):
        return spans
    return _decoded(data, spans)


def _decoded(data: bytes, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Counted from the start of the one before, since spans may overlap."""
    position = count = 0
    for start, end in spans:
        count += len(data[position:start].decode())
        position = start
        yield count, count + len(data[start:end].decode())
