"""SSN: numbers that may have been issued, written as such."""

from __future__ import annotations

import pytest

from extproc.policies.pii.detector import build
from extproc.policies.verdict import Phase, Place, Text

POLICY = build({"entities": ["SSN"]})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("my ssn is 123-45-6789.", ["123-45-6789"]),
        ("078-05-1120, 219-09-9999", ["078-05-1120", "219-09-9999"]),
        ("SSN: 123 45 6789", ["123 45 6789"]),
        ("social security number 123456789", ["123456789"]),
        ("123 45 6789", []),
        ("123456789", []),
        ("000-45-6789 666-45-6789 900-45-6789", []),
        ("123-00-6789 123-45-0000", []),
        ("123-45-6789-1", []),
        ("1-123-45-6789", []),
        ("a123-45-6789", []),
        ("$123-45-6789", []),
        ("123-45.6789", []),
    ],
)
def test_spans(text, found):
    """Issued areas with hyphens; blanks or nothing in between only after a word that says so."""
    findings = POLICY.judge([Text(Place(Phase.REQUEST, "user"), text)])[0].findings
    assert [text[finding.start : finding.end] for finding in findings] == found
