"""`policy.pii-detector`: its fields reach the policy."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.config.model.pii_detector import PiiDetector
from extproc.policies.chain import Chain
from extproc.policies.pii.detector import ENTITIES
from extproc.policies.table import build
from extproc.policies.verdict import Phase, Place, Text

TEXT = "jane@example.com paid with 4111 1111 1111 1111, ref QX77"


def judged(section: dict[str, Any]) -> str | None:
    """TEXT under these settings; None when it is refused."""
    policy = build("pii-detector", PiiDetector.model_validate(section).model_dump(exclude_unset=True))
    judgement = Chain((policy,)).judge([Text(Place(Phase.REQUEST, "user"), TEXT)])
    return None if judgement.block else judgement.texts[0]


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ({}, "[EMAIL_REDACTED] paid with [CREDIT_CARD_REDACTED], ref QX77"),
        ({"action": "block"}, None),
        ({"entities": ["EMAIL"]}, "[EMAIL_REDACTED] paid with 4111 1111 1111 1111, ref QX77"),
        ({"healthcare_mode": True}, "[EMAIL_REDACTED] paid with [CREDIT_CARD_REDACTED], ref QX77"),
        ({"pci_mode": False}, "[EMAIL_REDACTED] paid with 4111 1111 1111 1111, ref QX77"),
        (
            {"entities": ["CREDIT_CARD"], "redaction": {"marker_format": "partial"}},
            "jane@example.com paid with **** **** **** 1111, ref QX77",
        ),
        (
            {
                "entities": ["EMAIL"],
                "detect_patterns": ["QX[0-9]+"],
                "redaction": {"custom_markers": {"CUSTOM": "<ref>"}},
            },
            "[EMAIL_REDACTED] paid with 4111 1111 1111 1111, ref <ref>",
        ),
        (
            {"entities": ["EMAIL"], "redaction": {"include_metadata": False}},
            "[REDACTED] paid with 4111 1111 1111 1111, ref QX77",
        ),
        (
            {"entities": ["EMAIL", "CREDIT_CARD"], "redaction": {"reversible": True}},
            "[EMAIL_1] paid with [CREDIT_CARD_1], ref QX77",
        ),
        (
            {"entities": ["EMAIL"], "redaction": {"marker_format": "asterisks", "preserve_length": True}},
            "**************** paid with 4111 1111 1111 1111, ref QX77",
        ),
    ],
)
def test_field_reaches_the_policy(section: dict[str, Any], text: str | None) -> None:
    """Each setting changes what becomes of a text as documented."""
    assert judged(section) == text


def test_description_lists_every_entity() -> None:
    """The reference of `entities` names each of them, so that nobody has to look for them elsewhere."""
    description = PiiDetector.model_fields["entities"].description or ""
    assert [name for name in ENTITIES if name not in description] == []
