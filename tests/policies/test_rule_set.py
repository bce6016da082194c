"""Matches in whole texts: exact spans, in both readings, whatever was not searched, in linear time."""

from __future__ import annotations

from dataclasses import replace

import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.policies.base import whole
from extproc.policies.disguise import undone
from extproc.policies.escape import behind_escape
from extproc.policies.rule_set import RuleSet
from extproc.policies.scan import compile_pattern
from extproc.policies.verdict import Phase, Place, Text

PLACE = Place(Phase.REQUEST, "user")


def scanned(rules, text):
    return rules.scan(Text(PLACE, text))


@given(
    st.lists(st.sampled_from(["a+", "b.", "é", r"\bab", "(?i)ÀB", "😀+", r"\s\w", "[^a]$"]), min_size=1, max_size=4),
    st.text(alphabet="aAbBéàÀ😀 \n\ud800", max_size=20),
)
@settings(max_examples=200, deadline=None)
def test_spans_are_code_points(make_rule, sources, text):
    """Spans are those of RE2 on the text itself, whatever the characters; a surrogate counts as one."""
    rules = [make_rule(f"r{number}", source) for number, source in enumerate(sources)]
    found = [(rule.name, start, end) for rule, start, end in scanned(RuleSet(rules), text)]
    shown = text.replace("\ud800", "?")
    expected = [(rule.name, *m.span()) for rule in rules for m in re2.compile(rule.pattern.source).finditer(shown)]
    assert found == expected


def test_refinement_sees_candidate_and_what_precedes(make_rule):
    """A refinement gets the match and up to 48 characters before it, and may narrow or refuse it."""
    seen = []

    def refine(candidate, before):
        seen.append((candidate, before))
        return [(0, 1), (2, 3)] if before.endswith("yes ") else []

    rules = RuleSet([make_rule("r", "é.é", refine=refine)])
    assert [(start, end) for _, start, end in scanned(rules, "no é-é yes é-é")] == [(11, 12), (13, 14)]
    assert seen == [("é-é", "no "), ("é-é", "no é-é yes ")]
    list(scanned(rules, "x" * 60 + "é-é"))
    assert seen[-1] == ("é-é", "x" * 48)


def test_a_million_characters_of_near_matches(make_rule):
    """A text made to backtrack is scanned; with a backtracking engine this would not end."""
    rules = RuleSet([make_rule("r", "(?:a+)+b"), make_rule("s", "(?:a|aa)+c")])
    assert list(scanned(rules, "a" * 1_000_000)) == []


def test_ten_thousand_matches(make_rule):
    """Many matches in non-ASCII text keep their offsets."""
    found = list(scanned(RuleSet([make_rule("r", "é-")]), "é-" * 10_000))
    assert len(found) == 10_000
    assert found[-1][1:] == (19_998, 20_000)


PADS = st.sampled_from(["", "", "ab 1 ", "-- " * 40, "ab1 " * 30, "éé, " * 25, "x" * 150])
HIDDEN = st.sampled_from([*"１ｂ…\u00a0\u200b", "a\u200bb", r"\n1", r"\ub", "1\u00ad1", "11", "ab", "b11", "x11"])
LONG = st.lists(PADS | HIDDEN, max_size=12).map("".join)


def behind_b(candidate, before):
    """Something that only what stands before can tell."""
    return ((0, len(candidate)),) if before.endswith("b") else ()


def long_behind_x(candidate, before):
    """The same from further away, and of a part of the candidate."""
    return ((1, len(candidate)),) if "x" in before[-6:] else ()


# Expressions that need no refinement, and some with one, and with what its matches have in common.
PLAIN = [
    *("1{2}", "a{2}|b1", r"\b1\b", "b [^-]*1", "ab[a-z ]*1", r"\s1", r"\\n", "(?i)A.{0,9}B", "^a", r"1\z", "(?m)^1|1$"),
    "x[^ ]{0,30}1",
]
REFINED = [
    ("1{2,3}", behind_b, "b1{2}"),
    ("a?b?1", long_behind_x, "(?s)x.{0,5}1|x.{0,5}ab?1"),
    ("b?1{1,2}a?", behind_b, None),
]
RULES = st.lists(st.sampled_from([*((source, whole, None) for source in PLAIN), *REFINED]), min_size=1, max_size=4)


def everything(rules, text):
    """What the rules find when each searches the whole text in both readings."""
    found = set()
    changed = undone(text)
    for reading, offsets in ((text, None), *([changed] if changed else [])):
        for rule in rules:
            for match in re2.finditer(rule.pattern.source, reading):
                before = reading[max(0, match.start() - 48) : match.start()]
                for span in rule.refine(match.group(), before):
                    start, end = (match.start() + at for at in span)
                    start, end = offsets.span(start, end) if offsets else (start, end)
                    found.add((rule.name, behind_escape(text, start, end, rule), end))
    return found


@given(RULES, LONG)
@settings(max_examples=600, deadline=None)
def test_what_is_not_searched_holds_nothing(make_rule, chosen, text):
    """Gates, and a plain form that is only looked at around its disguises, change nothing about what is found."""
    rules = [
        replace(make_rule(f"r{at}", source, refine=refine), gate=compile_pattern(gate) if gate else None)
        for at, (source, refine, gate) in enumerate(chosen)
    ]
    found = [(rule.name, start, end) for rule, start, end in scanned(RuleSet(rules), text)]
    assert len(found) == len(set(found))
    assert set(found) == everything(rules, text)
