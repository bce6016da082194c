"""IP_ADDRESS: both families, and not versions, times or names of code."""

from __future__ import annotations

import pytest

from extproc.policies.pii.detector import build
from extproc.policies.verdict import Phase, Place, Text

POLICY = build({"entities": ["IP_ADDRESS"]})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from 203.0.113.7:8080", ["203.0.113.7"]),
        ("http://192.168.1.10/x", ["192.168.1.10"]),
        ("2001:db8:85a3::8a2e:370:7334", ["2001:db8:85a3::8a2e:370:7334"]),
        ("at 2001:db8:0:1:2:3:4:5.", ["2001:db8:0:1:2:3:4:5"]),
        ("fe80::d06f:72db", ["fe80::d06f:72db"]),
        ("256.1.1.1 1.2.3 01.2.3.4", []),
        ("1.3.6.1.4.1", []),
        ("version 10.2.3.4 and v1.2.3.4 Chrome/116.0.46.27", []),
        ("127.0.0.1 0.0.0.0 255.255.255.0", []),
        ("12:30:45 and std::add::bad a::b", []),
        ("00:1a:2b:3c:4d:5e", []),
    ],
)
def test_spans(text, found):
    """Addresses that may name somebody."""
    findings = POLICY.judge([Text(Place(Phase.REQUEST, "user"), text)])[0].findings
    assert [text[finding.start : finding.end] for finding in findings] == found
