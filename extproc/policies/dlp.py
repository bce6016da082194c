"""dlp-filter: the user's own expressions and terms, and known kinds of secrets, each redacted or refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import re2

from extproc.policies.base import Action, Refine, Rule, Span, refusal, whole
from extproc.policies.pii.markers import replacement
from extproc.policies.rules import RulePolicy
from extproc.policies.scan import compile_pattern
from extproc.policies.secrets.catalogue import CATALOGUE

KIND = "dlp-filter"

# What continues a word: RE2's `\b` knows ASCII only, and \pL is 1,200 instructions for each use. Scripts that are
# written without blanks have no edges to respect.
_WORD = r"A-Za-z0-9_\x{C0}-\x{52F}"
_WORD_CHARACTER = re.compile("[A-Za-z0-9_\u00c0-\u052f]")
# Terms are searched together; so many characters of them make one expression.
_TOGETHER = 500


def build(settings: Mapping[str, Any]) -> RulePolicy:
    """The policy of a `policy.dlp-filter` block (keys as documented; absent ones take their defaults).

    Findings and refusals name a pattern by its `name`; unnamed ones are `pattern-1`, `pattern-2`, ... and all terms are
    `blocked-term`: a name that repeated a term would give it away. `fuzzy_matching` and `max_distance` have no effect
    yet: terms are found exactly, in any case, as whole words. A secret is named by its kind (secrets/catalogue.py).
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
    rules += [
        _rule("blocked-term", source, default, marker="BLOCKED_TERM", refine=refine)
        for source, refine in _terms(settings.get("blocked_terms") or ())
    ]
    if settings.get("secrets"):
        rules += [_rule(name, source, default, marker=name, refine=refine) for name, source, refine in CATALOGUE]
    return RulePolicy(KIND, rules, settings)


def _rule(name: str, source: str, action: str, *, marker: str, refine: Refine = whole) -> Rule:
    return Rule(
        KIND, name, compile_pattern(source), Action(action), replacement(marker, {}), refine, refusal(KIND, name)
    )


def _terms(terms: Iterable[str]) -> Iterator[tuple[str, Refine]]:
    """Expressions over many terms each, by whether they begin and end as words; longer terms are preferred."""
    wanted = {term.strip() for term in terms} - {""}
    for (opens, closes), group in groupby(sorted(wanted, key=_edges), key=_edges):
        refine = partial(_between_words, opens=opens, closes=closes)
        # The character after a word is taken along to see that the word ends there.
        tail = rf"(?:[^{_WORD}]|\z)" if closes else ""
        for some in _batches(sorted(group, key=lambda term: (-len(term), term))):
            yield f"(?i)(?:{'|'.join(map(re2.escape, some))}){tail}", refine


def _edges(term: str) -> tuple[bool, bool]:
    return bool(_WORD_CHARACTER.match(term[0])), bool(_WORD_CHARACTER.match(term[-1]))


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
    if opens and _WORD_CHARACTER.match(before[-1:]):
        return ()
    return ((0, len(candidate) - (closes and not _WORD_CHARACTER.match(candidate[-1]))),)
