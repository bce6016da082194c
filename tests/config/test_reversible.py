"""`redaction.reversible` beside settings that contradict it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from extproc.config.model.pii_detector import Redaction
from extproc.config.reversible import check

if TYPE_CHECKING:
    from collections.abc import Callable

OWN = "a reversible redaction writes placeholders of its own ([EMAIL_1]); remove it or reversible [E013]"

OBSERVED = "an observing policy takes nothing away that could be put back; remove it or use mode: enforce [E013]"
BLOCKED = "what is blocked cannot be put back; remove it or use action: redact [E013]"


def lines(said: Callable[..., list[str]], base: str, settings: str) -> list[str]:
    """What is said about a pii-detector with these settings; that it is not in the chain goes without saying."""
    return said(f"{base}  pii-detector: {settings}\n")[1:]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("{redaction: {reversible: true}}", []),
        ("{action: redact, redaction: {reversible: true}}", []),
        ("{action: block, redaction: {reversible: false, preserve_length: true}}", []),
        ("{redaction: {reversible: true, marker_format: label, preserve_length: false, custom_markers: {}}}", []),
        ("{redaction: {reversible: true, include_metadata: true}}", []),
        (
            "{action: block, redaction: {reversible: true}}",
            [f"16:45: policy.pii-detector.redaction.reversible: {BLOCKED}"],
        ),
        (
            "{mode: observe, redaction: {reversible: true}}",
            [f"16:45: policy.pii-detector.redaction.reversible: {OBSERVED}"],
        ),
        (
            "{redaction: {reversible: true, marker_format: partial}}",
            [f"16:48: policy.pii-detector.redaction.marker_format: {OWN}"],
        ),
        (
            "{redaction: {include_metadata: false, preserve_length: true, reversible: true}}",
            [
                f"16:30: policy.pii-detector.redaction.include_metadata: {OWN}",
                f"16:55: policy.pii-detector.redaction.preserve_length: {OWN}",
            ],
        ),
        (
            "{redaction: {custom_markers: {EMAIL: <mail>}, reversible: true}}",
            [f"16:30: policy.pii-detector.redaction.custom_markers: {OWN}"],
        ),
        (
            "{redaction: {reversible: 'yes'}}",
            ["16:42: policy.pii-detector.redaction.reversible: expected true or false, found text [E006]"],
        ),
    ],
)
def test_combinations(said: Callable[..., list[str]], base: str, settings: str, expected: list[str]) -> None:
    """What would block instead, and every setting of markers that is not at its default, is refused at its place."""
    assert lines(said, base, settings) == expected


def test_every_setting_of_markers_is_known() -> None:
    """A new setting beside `reversible` has to be decided on: each one of today is refused when it is not as usual."""
    section: dict[str, Any] = {name: object() for name in Redaction.model_fields}
    problems = check({"policy": {"pii-detector": {"redaction": {**section, "reversible": True}}}})
    assert {problem.path[-1] for problem in problems} == set(section) - {"reversible"}


@pytest.mark.parametrize("root", [{}, {"policy": None}, {"policy": {"pii-detector": {"redaction": []}}}])
def test_what_is_not_there(root: dict[str, Any]) -> None:
    """A document without the section, or with something else in its place, is not this check's concern."""
    assert list(check(root)) == []
