"""Texts made to be slow, large, or wrong: spans stay right, streams equal whole texts, and work grows with the text.

Work is counted in characters handed to RE2 and to refinements, since seconds depend on the machine.
"""

from __future__ import annotations

import dataclasses
import unicodedata

import pytest

from extproc.policies import dlp
from extproc.policies.chain import Chain
from extproc.policies.pii import detector
from extproc.policies.rule_set import RuleSet
from extproc.policies.rules import RulePolicy
from extproc.policies.verdict import Phase, Place, Text

PLACE = Place(Phase.RESPONSE, "assistant")
MEGABYTE = 1 << 20
DLP = {
    "patterns": [{"name": "aws-access-key", "regex": "AKIA[A-Z0-9]{16}"}],
    "blocked_terms": ["project zephyr", "bluebird"],
    "fuzzy_matching": True,
    "sensitivity_level": "restricted",
}


class Work:
    """Characters looked at: those of texts searched, and those given to refinements."""

    def __init__(self):
        self.searched = self.refined = 0

    def watched(self, rule):
        """The rule, its refinement counted."""

        def refine(candidate, before):
            self.refined += len(candidate) + len(before)
            return rule.refine(candidate, before)

        return dataclasses.replace(rule, refine=refine)

    def gates(self, gates):
        """Sets that count what they are given; each counts once."""
        return [(each if isinstance(each, _Gate) else _Gate(each, self), first) for each, first in gates]


class _Gate:
    def __init__(self, gate, work):
        self.gate, self.work = gate, work

    def Match(self, data):  # noqa: N802  # as re2.Set has it
        """As the set says."""
        self.work.searched += len(data)
        return self.gate.Match(data)


@pytest.fixture
def work():
    """A fresh count."""
    return Work()


@pytest.fixture
def watched(work):
    """The built-in policies with everything switched on, and with further rules, their work counted."""

    def build(*more):
        policies = (detector.build({}), dlp.build(DLP), *more)
        chain = Chain(tuple(RulePolicy(policy.kind, map(work.watched, policy.rules(PLACE))) for policy in policies))
        for gate in chain._gates.values():
            gate._gates = work.gates(gate._gates)
        return chain

    return build


def streamed(chain, text, size, work, *, most):
    """What a stream delivers; no single push looks at more than `most` characters for each of its gates."""
    window = chain.window(PLACE)
    compiled = window._compiled
    gates = len(compiled.complete) + len(compiled.gates)
    compiled.complete, compiled.gates = work.gates(compiled.complete), work.gates(compiled.gates)
    out, heaviest = [], 0
    for at in range(0, len(text), size):
        before = work.searched
        out.append(window.push(text[at : at + size]).text)
        heaviest = max(heaviest, work.searched - before)
    out.append(window.finish().text)
    # Each reading (there may be two) asks every gate once, in bytes.
    assert heaviest <= 2 * gates * most * 4
    return "".join(out)


MASSES = [
    pytest.param("0123456789", id="digits"),
    pytest.param("4", id="one digit"),
    pytest.param("a", id="a"),
    pytest.param("a.", id="a dot"),
    pytest.param("1 ", id="spaced digits"),
    pytest.param("one ", id="spoken digits"),
    pytest.param("a at ", id="at"),
    pytest.param("é", id="é"),
    pytest.param("４", id="full-width"),
    pytest.param("4\u200b", id="zero-width"),
    pytest.param("ﬃ", id="ligatures"),
    pytest.param(r"\na", id="words behind escapes"),
    pytest.param("\\", id="backslashes"),
    pytest.param("project ", id="half a term"),
    pytest.param("\ud83d", id="surrogates"),
]


@pytest.mark.parametrize("unit", MASSES)
def test_a_megabyte_of_one_thing(watched, work, unit):
    """Whole, it costs as many characters as there are, a few times over."""
    chain = watched()
    text = unit * (MEGABYTE // len(unit))
    chain.judge([Text(PLACE, text)])
    gates = len(chain._gates[PLACE.phase]._gates)
    assert 0 < work.searched <= 2 * gates * 4 * MEGABYTE
    assert work.refined <= 60 * MEGABYTE


@pytest.mark.parametrize("unit", MASSES)
def test_a_stream_of_one_thing(watched, work, unit):
    """Streamed, no piece costs more than what may be held, and what comes out is what the whole text gives."""
    chain = watched()
    text = unit * (20_000 // len(unit))
    assert streamed(chain, text, 11, work, most=700) == chain.judge([Text(PLACE, text)]).texts[0]


def test_a_megabyte_streamed(watched, work):
    """A megabyte in pieces as they come off the wire costs no more for each at its end than at its beginning."""
    chain = watched()
    text = "0123456789" * (MEGABYTE // 10)
    assert streamed(chain, text, 4096, work, most=5000) == chain.judge([Text(PLACE, text)]).texts[0]


def test_two_hundred_rules(watched, work, make_rule):
    """With 200 rules more, each is found where it is, whole and streamed."""
    rules = [make_rule(f"r{number}", rf"\bkey{number}-[a-z0-9]{{4,12}}\b", policy="more") for number in range(200)]
    chain = watched(RulePolicy("more", rules))
    text = " ".join(f"key{number}-abc{number} and some words" for number in range(220))
    judged = chain.judge([Text(PLACE, text)])
    assert {finding.entity for finding in judged.findings} == {f"r{number}" for number in range(200)}
    for finding in judged.findings:
        assert text[finding.start : finding.end] == f"key{finding.entity[1:]}-abc{finding.entity[1:]}"
    assert streamed(chain, text, 9, work, most=700) == judged.texts[0]


@pytest.mark.parametrize(
    ("value", "marker"),
    [
        ("bob@example.com", "[EMAIL_REDACTED]"),
        ("bob\u200b@example.com", "[EMAIL_REDACTED]"),
        ("bob at example dot com", "[EMAIL_REDACTED]"),
        ("AKIAABCDEFGHIJKLMNOP", "[AWS_ACCESS_KEY_REDACTED]"),
        ("blue𝐛ird", "[BLOCKED_TERM_REDACTED]"),
        ("bluebjrd", "[BLOCKED_TERM_REDACTED]"),
    ],
)
def test_ten_thousand_matches(watched, work, value, marker):
    """Each of ten thousand matches is found at its place, and the work is that of the text."""
    chain = watched()
    text = f"é {value}, " * 10_000
    judged = chain.judge([Text(PLACE, text)])
    size = len(value) + 4
    assert [(found.start, found.end) for found in judged.findings] == [
        (at * size + 2, at * size + 2 + len(value)) for at in range(10_000)
    ]
    assert judged.texts[0] == f"é {marker}, " * 10_000
    assert work.refined <= 100 * len(text)
    some = text[: 500 * size]
    assert streamed(chain, some, 50, work, most=700) == f"é {marker}, " * 500
    window = chain.window(PLACE)
    assert window.push(text).text + window.finish().text == judged.texts[0]


# The first letters of thirty scripts, and the digits of those that have their own.
SCRIPTS = {
    "Latin": 0x61, "Greek": 0x3B1, "Cyrillic": 0x430, "Armenian": 0x561, "Hebrew": 0x5D0, "Arabic": 0x627,
    "Syriac": 0x712, "Thaana": 0x780, "NKo": 0x7CA, "Devanagari": 0x905, "Bengali": 0x985, "Gurmukhi": 0xA05,
    "Gujarati": 0xA85, "Oriya": 0xB05, "Tamil": 0xB85, "Telugu": 0xC05, "Kannada": 0xC85, "Malayalam": 0xD05,
    "Sinhala": 0xD85, "Thai": 0xE01, "Lao": 0xE81, "Tibetan": 0xF40, "Myanmar": 0x1000, "Georgian": 0x10D0,
    "Ethiopic": 0x1200, "Cherokee": 0x13A0, "Khmer": 0x1780, "Mongolian": 0x1820, "Hiragana": 0x3042, "Han": 0x4E00,
    "Hangul": 0xAC00, "Gothic": 0x10330, "Adlam": 0x1E922,
}  # fmt: skip
ZEROS = [code for code in range(0x110000) if unicodedata.decimal(chr(code), None) == 0]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts(watched, work, script):
    """A value between words of any script is found there, and the words stay as they are."""
    chain = watched()
    word = "".join(map(chr, range(SCRIPTS[script], SCRIPTS[script] + 5)))
    text = f"{word} {word}: 4111 1111 1111 1111 {word} (bob@example.com) {word} " * 3
    judged = chain.judge([Text(PLACE, text)])
    found = [text[finding.start : finding.end] for finding in judged.findings]
    assert found == ["4111 1111 1111 1111", "bob@example.com"] * 3
    assert judged.texts[0] == f"{word} {word}: [CREDIT_CARD_REDACTED] {word} ([EMAIL_REDACTED]) {word} " * 3
    for size in (1, 7):
        assert streamed(chain, text, size, work, most=700) == judged.texts[0]


def test_digits_of_every_script():
    """A number in the digits of any script is the same number."""
    rules = RuleSet(detector.build({"entities": ["CREDIT_CARD"]}).rules(PLACE))
    assert len(ZEROS) > 60
    for zero in ZEROS:
        number = "".join(chr(zero + int(digit)) for digit in "4111111111111111")
        text = f"é {number}."
        assert [text[start:end] for _, start, end in rules.scan(Text(PLACE, text))] == [number], hex(zero)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ud83d bob@example.com \ude00", "\ud83d [EMAIL_REDACTED] \ude00"),
        ("\ud83dbob@example.com\ude00", "\ud83d[EMAIL_REDACTED]\ude00"),
        ("４111\ud83d1111 1111 1111", "４111\ud83d1111 1111 1111"),
        ("\ud83d\ude00４111 1111 1111 1111\udfff", "\ud83d\ude00[CREDIT_CARD_REDACTED]\udfff"),
        ("blue\udc00bird", "blue\udc00bird"),
    ],
)
def test_lone_surrogates(watched, work, text, expected):
    """A surrogate is a character like any, cut anywhere, and comes out as it came."""
    chain = watched()
    assert chain.judge([Text(PLACE, text)]).texts[0] == expected
    for size in range(1, 6):
        assert streamed(chain, text, size, work, most=700) == expected


def test_marker_typed_by_a_user(watched, work):
    """A marker in the text itself is text, before, behind and inside of values."""
    chain = watched()
    text = "[EMAIL_REDACTED] bob@example.com[EMAIL_REDACTED] [EMAIL_bob@example.com]"
    expected = "[EMAIL_REDACTED] [EMAIL_REDACTED][EMAIL_REDACTED] [[EMAIL_REDACTED]]"
    assert chain.judge([Text(PLACE, text)]).texts[0] == expected
    assert streamed(chain, text, 3, work, most=700) == expected
