"""Markers in the chain read nothing and allow everything."""

from __future__ import annotations

import pytest

from extproc.policies.marker import KINDS, build
from extproc.policies.verdict import ALLOW, Phase, Place, Text

PLACE = Place(Phase.RESPONSE, "assistant")


@pytest.mark.parametrize("kind", KINDS)
def test_it_allows_every_text(kind: str) -> None:
    """It has a kind, but no phase, no rules, and no opinion."""
    marker = build(kind)({"retention_days": 1})
    assert (marker.kind, marker.phases) == (kind, frozenset())
    assert marker.judge([Text(PLACE, "anything")] * 2) == [ALLOW, ALLOW]
    assert marker.rules(PLACE) == ()
