"""The marker of the data-routing-policy reads nothing: it decides about targets, not texts."""

from __future__ import annotations

from extproc.policies.data_routing import build
from extproc.policies.verdict import ALLOW, Phase, Place, Text

PLACE = Place(Phase.REQUEST, "user")


def test_it_allows_every_text() -> None:
    """It has no phase, no rules, and no opinion of what is said."""
    marker = build({"require_zero_data_retention": True})
    assert (marker.kind, marker.phases) == ("data-routing-policy", frozenset())
    assert marker.judge([Text(PLACE, "anything")] * 2) == [ALLOW, ALLOW]
    assert marker.rules(PLACE) == ()
