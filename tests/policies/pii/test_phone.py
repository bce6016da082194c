"""PHONE: numbers as people write them, and not the other numbers of a text."""

from __future__ import annotations

import pytest

from extproc.policies.pii.detector import build
from extproc.policies.verdict import Phase, Place, Text

POLICY = build({"entities": ["PHONE"]})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("call 415-555-2671 now", ["415-555-2671"]),
        ("(415) 555-2671", ["(415) 555-2671"]),
        ("415.555.2671, +1 415 555 2671", ["415.555.2671", "+1 415 555 2671"]),
        ("1-800-555-0199 x12", ["1-800-555-0199 x12"]),
        ("123-456-7890", ["123-456-7890"]),
        ("+442079460958", ["+442079460958"]),
        ("+49 30 1234567!", ["+49 30 1234567"]),
        ("020 7946 0958", ["020 7946 0958"]),
        ("01.42.68.53.00", ["01.42.68.53.00"]),
        ("my phone number is 4155552671", ["4155552671"]),
        ("Tel: 73 448 266", ["73 448 266"]),
        ("455 618-6000 office", ["455 618-6000"]),
        ("089 72 63 41 fax", ["089 72 63 41"]),
        ("4155552671", []),
        ("Order #6213582421 has shipped", []),
        ("ISBN 978-1-39-124722-9", []),
        ("2000-08-18 17:17 and 18/08/2000", []),
        ("123-45-6789", []),
        ("compute 224-15+4990", []),
        ("0 3 3 1 1 0 0 8 2", []),
        ("-26.137223, 8.892655", []),
        ("id=09694bd8-c82b-12a6-796a-48a1ef6cbfc5", []),
        ("1234567890abc", []),
        ("+1 2", []),
    ],
)
def test_spans(text, found):
    """International form when possible, national form when valid, bare digits after a word that says so."""
    findings = POLICY.judge([Text(Place(Phase.REQUEST, "user"), text)])[0].findings
    assert [text[finding.start : finding.end] for finding in findings] == found
