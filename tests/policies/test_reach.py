"""The expressions of the hold-back against a definition by brute force."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.policies.reach import approaching, awaiting
from extproc.policies.scan import options
from extproc.policies.syntax import parse

# (expression, text, start and whether it is open of the leftmost match of `awaiting`)
ROWS = [
    ("abc", "xab", (1, True)),
    ("abc", "xabc", (1, False)),
    ("ab+", "xabb", (1, True)),
    ("ab+?", "xabb", (1, False)),
    ("a.*?b", "a-b-", (0, False)),
    ("a.*b", "a-b-", (0, True)),
    (r"ab\b", "ab", (0, True)),
    (r"ab\b", "ab-", (0, False)),
    ("ab$", "ab", (0, True)),
    (r"\x00?a", "b\x00", (1, True)),
    ("a|ab", "a", (0, False)),
    ("ab|a", "a", (0, True)),
    ("abc", "xyz", None),
]


@pytest.mark.parametrize(("expression", "text", "expected"), ROWS)
def test_awaiting(expression, text, expected):
    """A match is final, or open from its start, or there is none."""
    found = re2.compile(awaiting(parse(expression)), options()).search(text + "\0")
    if expected is None:
        assert found.start() == len(text)
    else:
        assert (found.start(), found.end() > len(text)) == expected


ALPHABET = "ab-"
EXPRESSIONS = ("ab", "a+b", "a(?:b-|-)b?", "(?:a|b){3}", "a-?b", "[^a]b", "(?:ab|-)+a", "a{2,3}b", "b*a-")


@given(st.sampled_from(EXPRESSIONS), st.text(alphabet=ALPHABET, max_size=8))
@settings(max_examples=200, deadline=None)
def test_approaching_finds_the_first_open_start(expression, text):
    """The leftmost start from which some continuation makes a match that reaches the end, tried one by one."""
    whole = re2.compile(expression, options())
    tails = [
        "",
        *ALPHABET,
        *(x + y for x in ALPHABET for y in ALPHABET),
        *(x + y + z for x in "ab" for y in "ab-" for z in "ab-"),
    ]

    def opens(start):
        return any(
            whole.fullmatch(text[start:] + more[:end]) is not None for more in tails for end in range(len(more) + 1)
        )

    expected = next((start for start in range(len(text)) if opens(start)), None)
    found = re2.compile(f"(?:{approaching(parse(expression))})\\z", options()).search(text)
    assert (found.start() if found else None) == expected
