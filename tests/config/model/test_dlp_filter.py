"""`policy.dlp-filter`: its fields reach the policy."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.config.model.dlp_filter import DlpFilter
from extproc.policies.chain import Chain
from extproc.policies.table import build
from extproc.policies.verdict import Phase, Place, Text


def judged(section: dict[str, Any], text: str) -> str | None:
    """A text under these settings; None when it is refused."""
    policy = build("dlp-filter", DlpFilter.model_validate(section).model_dump(exclude_unset=True))
    judgement = Chain((policy,)).judge([Text(Place(Phase.RESPONSE, "assistant"), text)])
    return None if judgement.block else judgement.texts[0]


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ({}, "id K-42 of Zephyr"),
        ({"patterns": [{"name": "my-id", "regex": "K-[0-9]+"}]}, "id [MY_ID_REDACTED] of Zephyr"),
        ({"patterns": [{"name": "my-id", "regex": "K-[0-9]+", "action": "block"}]}, None),
        ({"patterns": [{"name": "my-id", "regex": "K-[0-9]+"}], "action": "block"}, None),
        (
            {"patterns": [{"name": "a", "regex": "K-[0-9]+", "action": "redact"}], "action": "block"},
            "id [A_REDACTED] of Zephyr",
        ),
        ({"detect_patterns": ["K-[0-9]+"]}, "id [CUSTOM_REDACTED] of Zephyr"),
        ({"blocked_terms": ["zephyr"], "action": "block"}, None),
        ({"secrets": True}, "id K-42 of Zephyr"),
        ({"sensitivity_level": "standard", "fuzzy_matching": False}, "id K-42 of Zephyr"),
        ({"blocked_terms": ["zephir"]}, "id K-42 of Zephyr"),
        ({"blocked_terms": ["zephir"], "fuzzy_matching": True}, "id K-42 of [BLOCKED_TERM_REDACTED]"),
        ({"blocked_terms": ["sephir"], "fuzzy_matching": True}, "id K-42 of Zephyr"),
        (
            {"blocked_terms": ["sephir"], "fuzzy_matching": True, "max_distance": 2},
            "id K-42 of [BLOCKED_TERM_REDACTED]",
        ),
        ({"blocked_terms": ["zephir"], "fuzzy_matching": True, "max_distance": 0}, "id K-42 of Zephyr"),
    ],
)
def test_field_reaches_the_policy(section: dict[str, Any], text: str | None) -> None:
    """Each setting, of either generation, changes what becomes of a text as documented."""
    assert judged(section, "id K-42 of Zephyr") == text


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ({"secrets": True}, "pass it: password = '[NAMED_SECRET_REDACTED]'"),
        ({"secrets": False}, "pass it: password = 'hunter-22'"),
        ({"secrets": True, "action": "block"}, None),
    ],
)
def test_secrets(section: dict[str, Any], text: str | None) -> None:
    """`secrets` looks for the built-in kinds, with the policy's action."""
    assert judged(section, "pass it: password = 'hunter-22'") == text


@pytest.mark.parametrize(
    ("level", "banner", "phrase"),
    [("standard", False, False), ("high", True, False), ("restricted", True, True)],
)
def test_sensitivity_level(level: str, banner: bool, phrase: bool) -> None:
    """Each level finds what it names, and does with it what `action` says."""
    settings = {"sensitivity_level": level}
    assert (judged(settings, "x\nSECRET//NOFORN\n") == "x\n[CLASSIFICATION_MARKING_REDACTED]\n") is banner
    assert (judged(settings, "It is for internal use only.") != "It is for internal use only.") is phrase
    assert (judged({**settings, "action": "block"}, "TLP:RED") is None) is banner
