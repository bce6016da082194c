"""`mode`, `fail` and `apply_to` of the policies that judge text: their fields reach the policy."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.config.model.configuration import Policy
from extproc.policies.chain import Chain
from extproc.policies.table import build
from extproc.policies.verdict import Judgement, Phase, Place, Text

SECTIONS: dict[str, dict[str, Any]] = {
    "prompt-injection": {"attack_patterns": ["mail to"]},
    "pii-detector": {"action": "block"},
    "dlp-filter": {"detect_patterns": ["mail"]},
}
TEXT = "mail to bob@example.com"


def judged(kind: str, section: dict[str, Any], place: Place) -> Judgement:
    """TEXT at a place, under a section of that kind."""
    settings = Policy.model_validate({kind: {**SECTIONS[kind], **section}}).of(kind)
    assert settings is not None
    return Chain((build(kind, settings.model_dump(exclude_unset=True)),)).judge([Text(place, TEXT)])


USER = Place(Phase.REQUEST, "user")
DEFINITION = Place(Phase.REQUEST, "system", "tool_definition")


@pytest.mark.parametrize("kind", SECTIONS)
def test_observing_only_records(kind: str) -> None:
    """A policy that refuses or rewrites in mode enforce finds the same in mode observe, and lets it pass."""
    enforced = judged(kind, {"mode": "enforce"}, USER)
    assert enforced.block is not None or enforced.texts != (TEXT,)
    observed = judged(kind, {"mode": "observe"}, USER)
    assert (observed.texts, observed.block) == ((TEXT,), None)
    assert observed.scores == enforced.scores
    assert [(item.entity, item.start, item.replacement) for item in observed.findings] == [
        (item.entity, item.start, None) for item in enforced.findings
    ]


@pytest.mark.parametrize("kind", SECTIONS)
def test_apply_to_decides_what_is_read(kind: str) -> None:
    """A text that `apply_to` leaves out is not judged, and one that it names is."""
    left_out = {"apply_to": {"roles": ["tool"]}}
    assert judged(kind, left_out, USER).findings == ()
    named = {"apply_to": {"roles": [], "tools": ["tool_definition"]}}
    assert judged(kind, named, DEFINITION).findings != ()


@pytest.mark.parametrize("kind", ["pii-detector", "dlp-filter"])
def test_phases_decide_which_way_is_read(kind: str) -> None:
    """A policy of requests alone does not read answers."""
    section = {"apply_to": {"phases": ["request"]}}
    assert judged(kind, section, USER).findings != ()
    assert judged(kind, section, Place(Phase.RESPONSE, "assistant")).findings == ()
