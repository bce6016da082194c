"""EMAIL: addresses as people write them, without what stands around them."""

from __future__ import annotations

import pytest

from extproc.policies.pii.detector import build
from extproc.policies.verdict import Phase, Place, Text

POLICY = build({"entities": ["EMAIL"]})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bob@example.com", ["bob@example.com"]),
        ("<bob.smith+tag@mail.example.co.uk>,", ["bob.smith+tag@mail.example.co.uk"]),
        ("o'neil@example.ie.", ["o'neil@example.ie"]),
        ("'bob@example.com'", ["bob@example.com"]),
        ("mailto:bob@example.com", ["bob@example.com"]),
        ("?to=bob@example.com&x=1", ["bob@example.com"]),
        ("a@b.io;c@d.io", ["a@b.io", "c@d.io"]),
        ("jörg@bücher.example", ["jörg@bücher.example"]),
        ("请联系bob@example.com谢谢", ["bob@example.com"]),
        ("почта@пример.рф", ["почта@пример.рф"]),
        ("bob@xn--bcher-kva.example", ["bob@xn--bcher-kva.example"]),
        ("npm install react@14.4.5", []),
        ("@decorator", []),
        ("a@b", []),
        ("bob@-example.com", []),
        ("bob@example..com", []),
        ("https://user:password@host.example.com/", []),
        ("a..b@example.com", []),
    ],
)
def test_spans(text, found):
    """The address and nothing else."""
    findings = POLICY.judge([Text(Place(Phase.REQUEST, "user"), text)])[0].findings
    assert [text[finding.start : finding.end] for finding in findings] == found
