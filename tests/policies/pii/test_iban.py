"""IBAN: a country's length and the check digits."""

from __future__ import annotations

import pytest

from extproc.policies.pii.detector import build
from extproc.policies.verdict import Phase, Place, Text

POLICY = build({"entities": ["IBAN"]})


# Examples of the SWIFT IBAN registry.
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("DE89 3704 0044 0532 0130 00", ["DE89 3704 0044 0532 0130 00"]),
        ("pay to GB29NWBK60161331926819 today", ["GB29NWBK60161331926819"]),
        ("fr14 2004 1010 0505 0001 3m02 606 please", ["fr14 2004 1010 0505 0001 3m02 606"]),
        ("NO9386011117947 and MT84MALT011000012345MTLCAST001S", ["NO9386011117947", "MT84MALT011000012345MTLCAST001S"]),
        ("DE89 3704 0044 0532 0130 01", []),
        ("XX89 3704 0044 0532 0130 00", []),
        ("DE89 3704 0044", []),
        ("DE89370400440532013000X", []),
        ("aDE89370400440532013000", []),
    ],
)
def test_spans(text, found):
    """The number in print or without blanks, and not the words after it."""
    findings = POLICY.judge([Text(Place(Phase.REQUEST, "user"), text)])[0].findings
    assert [text[finding.start : finding.end] for finding in findings] == found
