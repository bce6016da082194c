"""dlp-filter: the user's own expressions and terms, and known kinds of secrets, each redacted or refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import re2

from extproc.policies import marking
from extproc.policies.base import Action, Refine, Rule, Span, refusal, whole
from extproc.policies.fuzzy import TOGETHER, WORD, WORD_CHARACTER, expressions, fits
from extproc.policies.pii.markers import replacement
from extproc.policies.rules import RulePolicy
from extproc.policies.scan import MAX_POSITIONS, compile_pattern
from extproc.policies.secrets.catalogue import CATALOGUE

KIND = "dlp-filter"

# Terms are searched together; so many characters of them make one expression.
_TOGETHER = 500


def build(settings: Mapping[str, Any]) -> RulePolicy:
    """The policy of a `policy.dlp-filter` block (keys as documented; absent ones take their defaults).

    Findings and refusals name a pattern by its `name`; unnamed ones are `pattern-1`, `pattern-2`, ... and all terms are
    `blocked-term`: a name that repeated a term would give it away. Terms are found in any case, as whole words; with
    `fuzzy_matching` within `max_distance` edits where fuzzy.py can, else exactly. What `sensitivity_level` finds is a
    `classification-marking`. A secret is named by its kind (secrets/catalogue.py).
    Raises PatternError for a bad expression.
    """
    default = settings.get("action") or "redact"
    rules = [
        _rule(item["name"], item["regex"], item.get("action") or default, marker=item["name"])
        for item in settings.get("patterns") or ()
    ]
    rules += [
        _rule(f"pattern-{number}", source, default, marker="CUSTOM")
        for number, source in enumerate(settings.get("detect_patterns") or (), 1)
    ]
    terms = {term.strip() for term in settings.get("blocked_terms") or ()} - {""}
    distance = settings.get("max_distance", 1) if settings.get("fuzzy_matching") else 0
    near = sorted(term for term in terms if distance and fits(term, distance))
    rules += [
        _rule("blocked-term", source, default, marker="BLOCKED_TERM", refine=refine)
        for source, refine in _terms(terms.difference(near))
    ]
    rules += [
        _rule("blocked-term", source, default, marker="BLOCKED_TERM", refine=refine, again=again, most=TOGETHER)
        for source, refine, again in expressions(near, distance)
    ]
    rules += [
        _rule("classification-marking", source, default, marker="CLASSIFICATION_MARKING")
        for source in marking.EXPRESSIONS[settings.get("sensitivity_level") or "standard"]
    ]
    if settings.get("secrets"):
        rules += [_rule(name, source, default, marker=name, refine=refine) for name, source, refine in CATALOGUE]
    return RulePolicy(KIND, rules, settings)


def _rule(
    name: str,
    source: str,
    action: str,
    *,
    marker: str,
    refine: Refine = whole,
    again: bool = False,
    most: int = MAX_POSITIONS,
) -> Rule:
    pattern, replace = compile_pattern(source, most=most), replacement(marker, {})
    return Rule(KIND, name, pattern, Action(action), replace, refine, refusal(KIND, name), again=again)


def _terms(terms: Iterable[str]) -> Iterator[tuple[str, Refine]]:
    """Expressions over many terms each, by whether they begin and end as words; longer terms are preferred."""
    for (opens, closes), group in groupby(sorted(terms, key=_edges), key=_edges):
        refine = partial(_between_words, opens=opens, closes=closes)
        # The character after a word is taken along to see that the word ends there.
        tail = rf"(?:[^{WORD}]|\z)" if closes else ""
        for some in _batches(sorted(group, key=lambda term: (-len(term), term))):
            yield f"(?i)(?:{'|'.join(map(re2.escape, some))}){tail}", refine


def _edges(term: str) -> tuple[bool, bool]:
    return bool(WORD_CHARACTER.match(term[0])), bool(WORD_CHARACTER.match(term[-1]))


def _batches(terms: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for term in terms:
        if batch and sum(map(len, batch)) + len(term) > _TOGETHER:
            yield batch
            batch = []
        batch.append(term)
    if batch:
        yield batch


def _between_words(candidate: str, before: str, *, opens: bool, closes: bool) -> Sequence[Span]:
    if opens and WORD_CHARACTER.match(before[-1:]):
        return ()
    return ((0, len(candidate) - (closes and not WORD_CHARACTER.match(candidate[-1]))),)
