"""`policy.prompt-injection`: both generations of its fields reach the policy."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from extproc.config.model.prompt_injection import PromptInjection
from extproc.policies.injection import InjectionDetector
from extproc.policies.table import build


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ({"threshold": 0.6}, "threshold", 0.6),
        ({"embedding_threshold": 0.75}, "threshold", 0.75),
        ({"detection": {"embedding_threshold": 0.7}}, "threshold", 0.7),
        ({}, "threshold", 0.8),
        ({"thresholds": {"tool_result": 0.6, "user": 0.9}}, "thresholds", {"tool_result": 0.6, "user": 0.9}),
        ({"action": "log"}, "action", "log"),
        ({"response": {"action": "log"}}, "action", "log"),
        ({"backend": "local"}, "action", "block"),
        ({"response": {"message": "No."}}, "message", "No."),
        ({"encoding": {"decode_base64": False}}, "decode_base64", False),
        ({"encoding": {"normalize_unicode": False}}, "normalize_unicode", False),
        ({"encoding": {"detect_homoglyphs": False}}, "detect_homoglyphs", False),
        ({"boundaries": {"reject_fake_boundaries": False}}, "boundaries", False),
    ],
)
def test_field_reaches_the_policy(section: dict[str, Any], field: str, value: object) -> None:
    """Each setting, in either spelling, changes what the policy is built with."""
    settings = PromptInjection.model_validate(section).model_dump(exclude_unset=True)
    policy = build("prompt-injection", settings)
    assert isinstance(policy, InjectionDetector)
    assert getattr(policy, field) == value


@pytest.mark.parametrize("section", [{"attack_patterns": ["xyzzy"]}, {"detection": {"attack_patterns": ["xyzzy"]}}])
def test_patterns_reach_the_policy(section: dict[str, Any]) -> None:
    """A pattern of the user's own makes a text an attack."""
    policy = build("prompt-injection", PromptInjection.model_validate(section).model_dump(exclude_unset=True))
    assert isinstance(policy, InjectionDetector)
    assert policy.score("say xyzzy") == 1.0
    assert policy.score("say hello") < 0.5


@pytest.mark.parametrize("thresholds", [{"nobody": 0.5}, {"user": 1.5}, {"tool_result": "high"}])
def test_bad_thresholds_are_refused(thresholds: dict[str, Any]) -> None:
    """A place that does not exist, and what is no probability, are errors."""
    with pytest.raises(ValidationError):
        PromptInjection.model_validate({"thresholds": thresholds})
