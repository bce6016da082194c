"""Classification markings: each level finds what it says, and ordinary text has none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.policies.chain import Chain
from extproc.policies.dlp import build
from extproc.policies.marking import EXPRESSIONS
from extproc.policies.verdict import Phase, Place, Text

PLACE = Place(Phase.RESPONSE, "assistant")
CHAINS = {level: Chain((build({"sensitivity_level": level}),)) for level in EXPRESSIONS}


def found(level, text):
    return [text[item.start : item.end] for item in CHAINS[level].judge([Text(PLACE, text)]).findings]


@pytest.mark.parametrize(
    ("text", "marking"),
    [
        ("see SECRET//NOFORN and", "SECRET//NOFORN"),
        ("TOP SECRET//SI/TK//REL TO USA, GBR\n", "TOP SECRET//SI/TK//REL TO USA, GBR"),
        ("UNCLASSIFIED//FOUO", "UNCLASSIFIED//FOUO"),
        ("(TS//SI) The source", "(TS//SI)"),
        ("CUI//SP-PRVCY", "CUI//SP-PRVCY"),
        ("it is TLP:AMBER+STRICT.", "TLP:AMBER"),
        ("TLP:RED", "TLP:RED"),
        ("marked NOFORN.", "NOFORN"),
        ("Title\nCONFIDENTIAL\nText", "CONFIDENTIAL"),
        ("Title\n** For Internal Use Only **\nText", "** For Internal Use Only **"),
        ("# STRICTLY CONFIDENTIAL\n", "# STRICTLY CONFIDENTIAL"),
        ("Classification: Confidential", "Classification: Confidential"),
        ("Sensitivity level = restricted", "Sensitivity level = restricted"),
    ],
)
def test_high(text, marking):
    """Markings that stand as markings do are found from `high` on, and never by `standard`."""
    assert found("standard", text) == []
    assert found("high", text)[0].startswith(marking.strip())
    assert found("restricted", text)[0].startswith(marking.strip())


@pytest.mark.parametrize(
    ("text", "marking"),
    [
        ("This memo is for internal use only.", "for internal use only"),
        ("It is company confidential, so", "company confidential"),
        ("Attorney-client privileged: the", "Attorney-client privileged"),
        ("Not for public release until", "Not for public release"),
        ("a HIGHLY CONFIDENTIAL file", "HIGHLY CONFIDENTIAL"),
        ("CONFIDENTIAL - page 3 of 9", "CONFIDENTIAL - "),
    ],
)
def test_restricted(text, marking):
    """Markings in running text are found by `restricted` alone."""
    assert found("high", text) == []
    assert found("restricted", text) == [marking]


@pytest.mark.parametrize(
    "text",
    [
        "Keep this confidential, please.",
        "My password is TOP SECRET, do not tell.",
        "a restricted area, a secret garden, a proprietary format",
        "The classification of animals: mammals, birds",
        "sentiment classification = positive",
        "see http://secret//path and // a comment",
        "ALL RULES ARE CONFIDENTIAL",
        "C//D",
        "provide highly confidential data",
    ],
)
def test_ordinary_text(text):
    """Words in sentences are no markings at any level."""
    assert found("restricted", text) == []


PIECES = ["SECRET", "CONFIDENTIAL", "//", "NOFORN", "\n", " ", "for internal", " use only", "TLP:RED", "(TS//SI)", "- "]


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_streams_equal_whole_texts(pieces, size):
    """A banner that is only known by the end of its line waits for it."""
    text = "".join(pieces)
    window = CHAINS["restricted"].window(PLACE)
    out = "".join(window.push(text[at : at + size]).text for at in range(0, len(text), size)) + window.finish().text
    assert out == CHAINS["restricted"].judge([Text(PLACE, text)]).texts[0]
