"""`apply_to`, `mode` and `fail`: what has an effect passes, and bad values are left to the model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.placing import check
from extproc.policies.placement import EVERYWHERE, ROLES, TOOL_TEXTS, Placement
from extproc.policies.verdict import Phase, Place


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"mode": "observe"},
        {"mode": "observe", "fail": "open", "action": "block"},
        {"mode": "enforce", "fail": "closed"},
        {"apply_to": {"phases": ["response"]}},
        {"apply_to": {"phases": ["response"], "roles": ["assistant"], "tools": ["tool_arguments"]}},
        {"apply_to": {"phases": ["request", "response"], "roles": [], "tools": ["tool_arguments"]}},
        {"apply_to": {"roles": ["user", "tool"]}},
        {"apply_to": {"roles": ["user"], "tools": ["tool_result"]}},
        {"apply_to": {"tools": []}},
    ],
)
def test_what_has_an_effect_passes(section: dict[str, Any]) -> None:
    """Settings that each say something are not complained of."""
    assert list(check({"pii-detector": section, "dlp-filter": section})) == []


@pytest.mark.parametrize("policy", [None, [], {"pii-detector": None}, {"pii-detector": {"apply_to": ["user"]}}])
def test_other_shapes_are_the_models(policy: Any) -> None:
    """What is no mapping is refused elsewhere, and breaks nothing here."""
    assert list(check(policy)) == []


@pytest.mark.parametrize("value", ["user", [7], [["user"]], [{}], None])
def test_wrong_values_are_the_models(value: Any) -> None:
    """A value that is no name is refused elsewhere, and breaks nothing here."""
    assert list(check({"pii-detector": {"apply_to": {"phases": ["response"], "roles": value}}})) == []


PLACES = [
    *(Place(Phase.REQUEST, role, "tool_result" if role == "tool" else "content") for role in ROLES),
    *(Place(Phase.REQUEST, role, kind) for kind, role in TOOL_TEXTS.items()),
    Place(Phase.RESPONSE, "assistant"),
    Place(Phase.RESPONSE, "assistant", "tool_arguments"),
]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "phases": st.lists(st.sampled_from(["request", "response"]), min_size=1, unique=True),
            "roles": st.lists(st.sampled_from(ROLES), unique=True),
            "tools": st.lists(st.sampled_from(tuple(TOOL_TEXTS)), unique=True),
        },
    )
)
def test_every_name_that_passes_has_an_effect(apply_to: dict[str, list[str]]) -> None:
    """Where nothing is complained of, leaving out any one name changes which places are read, and some are."""
    if list(check({"dlp-filter": {"apply_to": apply_to}})):
        return

    def read(given: dict[str, list[str]]) -> list[bool]:
        return [Placement.of({"apply_to": given}, EVERYWHERE).reads(place) for place in PLACES]

    assert any(read(apply_to))
    for key, names in apply_to.items():
        for name in names:
            # Results may be named in both ways.
            if name == "tool" and "tool_result" in apply_to.get("tools", ()):
                continue
            assert read({**apply_to, key: [other for other in names if other != name]}) != read(apply_to), name


@pytest.mark.parametrize(
    ("section", "refused"),
    [
        ({"thresholds": {"user": 0.5, "tool": 0.6, "tool_result": 0.7}}, []),
        ({"thresholds": {"system": 0.5, "tool_definition": 0.6}}, ["system", "tool_definition"]),
        ({"thresholds": {"system": 0.5, "user": 0.5}, "apply_to": {"roles": ["system"]}}, ["user"]),
        ({"thresholds": {"tool_definition": 0.5}, "apply_to": {"roles": ["system"]}}, []),
        ({"thresholds": {"tool_result": 0.5}, "apply_to": {"tools": ["tool_arguments"]}}, ["tool_result"]),
        ({"thresholds": {"tool_arguments": 0.5}, "apply_to": {"tools": ["tool_arguments"]}}, []),
    ],
)
def test_thresholds_are_of_places_that_are_read(section: dict[str, Any], refused: list[str]) -> None:
    """A threshold for texts that prompt-injection does not read would say nothing, and is refused."""
    problems = list(check({"prompt-injection": section}))
    assert [problem.path[-1] for problem in problems] == refused
