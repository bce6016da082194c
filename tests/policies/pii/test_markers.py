"""What a finding becomes, by the settings of `redaction`."""

from __future__ import annotations

import pytest

from extproc.policies.pii.markers import label, replacement


@pytest.mark.parametrize(
    ("redaction", "text", "expected"),
    [
        ({}, "bob@example.com", "[EMAIL_REDACTED]"),
        ({"marker_format": "label", "include_metadata": False}, "bob@example.com", "[REDACTED]"),
        ({"marker_format": "asterisks"}, "bob@example.com", "*****"),
        ({"marker_format": "asterisks", "preserve_length": True}, "bob@ex.com", "**********"),
        ({"marker_format": "partial"}, "bob@example.com", "***@******e.com"),
        ({"marker_format": "partial"}, "4111-1111-1111-1234", "****-****-****-1234"),
        ({"marker_format": "partial"}, "a@b.io", "*@*.**"),
        ({"custom_markers": {"EMAIL": "<mail>"}}, "bob@example.com", "<mail>"),
        ({"custom_markers": {"SSN": "<ssn>"}}, "bob@example.com", "[EMAIL_REDACTED]"),
        ({"custom_markers": {"EMAIL": "<mail>"}, "marker_format": "asterisks"}, "bob@example.com", "<mail>"),
        ({"custom_markers": {"EMAIL": "<mail>"}, "preserve_length": True}, "bob@e.com", "<mail>***"),
        ({"preserve_length": True}, "bob@e.com", "[EMAIL_RE"),
    ],
)
def test_replacement(redaction, text, expected):
    """Format, custom markers and length."""
    assert replacement("EMAIL", redaction)(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("EMAIL", "[EMAIL_REDACTED]"), ("aws-secret-key", "[AWS_SECRET_KEY_REDACTED]"), ("a.b c", "[A_B_C_REDACTED]")],
)
def test_label(name, expected):
    """A rule's name in upper case, everything else than letters and digits as `_`."""
    assert label(name) == expected
