"""The audit marker reads nothing and allows everything."""

from __future__ import annotations

from extproc.policies.audit import build
from extproc.policies.verdict import ALLOW, Phase, Place, Text

PLACE = Place(Phase.RESPONSE, "assistant")


def test_it_allows():
    """It has no phase, no rules, and no opinion."""
    marker = build({"immutable": True, "retention_days": 1})
    assert marker.phases == frozenset()
    assert marker.judge([Text(PLACE, "anything")] * 2) == [ALLOW, ALLOW]
    assert marker.rules(PLACE) == ()
