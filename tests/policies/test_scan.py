"""The scan engine: exact spans, refusals at load, linear time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.policies.base import whole
from extproc.policies.disguise import undone
from extproc.policies.escape import behind_escape
from extproc.policies.scan import Gate, PatternError, RuleSet, candidates, compile_pattern, gate
from extproc.policies.verdict import Phase, Place, Text

TEXTS = st.lists(st.sampled_from(["a", "b", "ab", "12", "１3", "x\u200by", "zz", "é", " "]), max_size=8).map("".join)


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


@pytest.mark.parametrize(
    ("source", "position", "message"),
    [
        ("(?=a)", 0, "look-ahead is not supported"),
        (r"(a)\1", 3, "back-reference is not supported"),
        ("[z-a]", 1, "invalid character class range"),
        ("a(b", 1, "unclosed group"),
        (r"\Z", 0, "invalid escape sequence"),
        ("a\ud800", 1, "lone surrogate"),
        ("a*", None, "matches the empty text"),
        (r"\b", None, "matches the empty text"),
        ("", None, "matches the empty text"),
        (r"\d{1,1000}x{1,1000}", None, "counts 2000 characters"),
        (r"\pL{500}", None, "instructions"),
        ("a" * 10_001, 10_000, "longer than"),
    ],
)
def test_refused_expressions(source, position, message):
    """What cannot run, or not in bounded time, is refused with a reason and, where there is one, the position."""
    with pytest.raises(PatternError) as raised:
        compile_pattern(source)
    assert raised.value.position == position
    assert message in raised.value.message


@pytest.mark.parametrize("source", ["AKIA[A-Z0-9]{16}", "[A-Za-z0-9/+=]{40}", r"\pL{30}", "(?i)a|b", ".{1,300}x"])
def test_accepted_expressions(source):
    """Ordinary expressions compile."""
    assert compile_pattern(source).source == source


def test_gate_names_all_that_match():
    """Many rules are split over several sets; their indices stay their own."""
    gates = gate([(f"x{number}y", 30_000) for number in range(10)])
    assert len(gates) > 1
    assert candidates(gates, b"x1y x9y x4y") == [1, 4, 9]
    assert candidates(gates, b"nothing") == []


def test_a_million_characters_of_near_matches(make_rule):
    """A text made to backtrack is scanned; with a backtracking engine this would not end."""
    rules = RuleSet([make_rule("r", "(?:a+)+b"), make_rule("s", "(?:a|aa)+c")])
    assert list(scanned(rules, "a" * 1_000_000)) == []


def test_ten_thousand_matches(make_rule):
    """Many matches in non-ASCII text keep their offsets."""
    found = list(scanned(RuleSet([make_rule("r", "é-")]), "é-" * 10_000))
    assert len(found) == 10_000
    assert found[-1][1:] == (19_998, 20_000)


@given(st.lists(st.lists(st.sampled_from(["a+", "b", "1[2-4]", "ab", "[x-z]{2}"]), max_size=4), max_size=4), TEXTS)
def test_one_look_for_several_sets_finds_what_each_finds(make_rule, sources, text):
    """Every set of rules, in either reading, gets the matches that it would find by itself."""
    sets = [RuleSet([make_rule(source, source) for source in group]) for group in sources]
    place = Place(Phase.REQUEST, "user")
    looked = Text(place, text)
    Gate(sets).look(looked)
    assert set(looked.hits) == set(sets)
    assert [list(each.scan(looked)) for each in sets] == [list(each.scan(Text(place, text))) for each in sets]


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


def test_only_what_is_near_a_disguise_is_looked_at_again(make_rule):
    """A match far from any disguise is not searched for in the plain form."""
    rules = RuleSet([make_rule("r", "key-[0-9]{4}"), make_rule("s", "end[0-9]+")])
    far, near = Text(PLACE, "key-1234 " + "and " * 90 + "\u200b"), Text(PLACE, "and " * 90 + "\u200bkey-1234 end１")
    assert [rule.name for rule, _, _ in rules.scan(far)] == ["r"]
    assert [rule.name for rule, _, _ in rules.scan(near)] == ["r", "s"]
    assert (far.hits[rules].hidden, near.hits[rules].written) == ((), [0])
    assert sorted(near.hits[rules].hidden) == [0, 1]
