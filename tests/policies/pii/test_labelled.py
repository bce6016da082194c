"""Words before a number, and numbers behind words."""

from __future__ import annotations

import re

import pytest

from extproc.policies.base import CONTEXT
from extproc.policies.pii.labelled import anything, behind, number, plain, words

SAID = words("SIN", r"tax (?:id|no)")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("my SIN is ", True),
        ("Tax ID: ", True),
        ('{"sin": "', True),
        ("tax no. ", True),
        ("a sinful ", False),
        ("SINs are bad: ", False),
        ("my SIN; also ", False),
        ("my SIN.\n", False),
        ("my SIN\n", False),
        ("my SIN, which I have had for thirty years, is ", False),
    ],
)
def test_words(before, expected):
    """A word counts as a whole, in any case, in the same sentence and line, and not from afar."""
    assert bool(SAID.search(before)) is expected


def test_reach_fits_the_context():
    """A word and its reach fit into what a rule is shown of the text before a candidate."""
    assert len("social insurance number") + 24 <= CONTEXT


@pytest.mark.parametrize(
    ("before", "expected"), [("", True), ("no ", True), ("a-", False), ("3.", False), ("$", False), ("x", False)]
)
def test_number_without_words_stands_alone(before, expected):
    """Without words, a number may not be a part of a name, a fraction or an amount."""
    assert bool(number(anything)("1 234", before)) is expected


def test_number_asks_its_check():
    """The check gets letters and digits alone, in capitals."""
    seen = []
    number(lambda text: bool(seen.append(text)), SAID)("ab-1 2", "SIN ")
    assert seen == ["AB12"]
    assert plain("a_b-c. 1") == "ABC1"


def test_behind():
    """The value behind a name is found within reach, alone, and the expression does not look any farther."""
    source, refine = behind("pin|code", r"\b\d{4}\b", anything, reach=5)
    candidate = re.search(source, "the pin is 1234").group()
    assert candidate == "pin is 1234"
    assert refine(candidate, "") == ((7, 11),)
    assert refine("pin is 1111", "") == ()
    assert refine("something else", "") == ()
    assert re.search(source, "pin, of the door: 1234") is None
