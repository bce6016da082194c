"""Which texts a policy reads, by `apply_to`; no text of a request escapes by a role or kind that nobody knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.placement import EVERYWHERE, ROLES, TOOL_TEXTS, Placement
from extproc.policies.verdict import Phase, Place

REQUEST, RESPONSE = Phase.REQUEST, Phase.RESPONSE
SYSTEM = Place(REQUEST, "system")
DEVELOPER = Place(REQUEST, "developer")
USER = Place(REQUEST, "user")
ASSISTANT = Place(REQUEST, "assistant")
CALLED = Place(REQUEST, "assistant", "tool_arguments")
RESULT = Place(REQUEST, "tool", "tool_result")
DEFINITION = Place(REQUEST, "system", "tool_definition")
ANSWER = Place(RESPONSE, "assistant")
THOUGHT = Place(RESPONSE, "assistant", "reasoning")
CALL = Place(RESPONSE, "assistant", "tool_arguments")
ALL = [SYSTEM, DEVELOPER, USER, ASSISTANT, CALLED, RESULT, DEFINITION, ANSWER, THOUGHT, CALL]


@pytest.mark.parametrize(
    ("apply_to", "read"),
    [
        pytest.param({}, ALL, id="everything"),
        pytest.param({"phases": ["request", "response"]}, ALL, id="both phases"),
        pytest.param({"phases": ["response"]}, [ANSWER, THOUGHT, CALL], id="answers"),
        pytest.param({"roles": ["user"]}, [USER], id="the user alone"),
        pytest.param({"roles": ["user", "tool"]}, [USER, RESULT], id="results go with their role"),
        pytest.param({"roles": ["assistant"]}, [ASSISTANT, CALLED, ANSWER, THOUGHT, CALL], id="the assistant"),
        pytest.param({"roles": ["system"]}, [SYSTEM, DEFINITION], id="definitions go with the system"),
        pytest.param({"tools": []}, [SYSTEM, DEVELOPER, USER, ASSISTANT, ANSWER, THOUGHT], id="no tools"),
        pytest.param({"roles": ["user"], "tools": ["tool_result"]}, [USER, RESULT], id="tools apart from roles"),
        pytest.param({"roles": [], "tools": ["tool_arguments"]}, [CALLED, CALL], id="tools alone"),
        pytest.param({"phases": ["response"], "roles": [], "tools": ["tool_arguments"]}, [CALL], id="all three"),
    ],
)
def test_what_is_read(apply_to, read):
    """Each key narrows what is read, `tools` apart from `roles`; what is not said is as by default."""
    placement = Placement.of({"apply_to": apply_to}, EVERYWHERE)
    assert [place for place in ALL if placement.reads(place)] == read
    assert placement.read == {place.phase for place in read}


def test_without_apply_to_the_default_stands():
    """A policy's own default is kept as it is, and of an `apply_to` what it does not say."""
    default = Placement(frozenset({REQUEST}), frozenset({"user"}))
    assert Placement.of({}, default) is default
    assert Placement.of({"apply_to": {"tools": ["tool_result"]}}, default) == Placement(
        frozenset({REQUEST}), frozenset({"user"}), frozenset({"tool_result"})
    )


@pytest.mark.parametrize("tools", [None, ["tool_result"], []])
def test_function_is_a_tool(tools):
    """The older role of tool results is read where "tool" is, and all that such a message holds with it."""
    apply_to = {"roles": ["user", "tool"]} if tools is None else {"roles": ["user"], "tools": tools}
    placement = Placement.of({"apply_to": apply_to}, EVERYWHERE)
    for role in ("tool", "function"):
        assert placement.reads(Place(REQUEST, role, "tool_result")) is (tools != [])
        assert placement.reads(Place(REQUEST, role, "other")) is (tools != [])


@given(st.text(min_size=1).filter(lambda role: role not in (*ROLES, "function")))
def test_unknown_role_is_the_users(role):
    """A role that nobody knows is read where a user's message is: it is no way around a policy."""
    assert Placement(roles=frozenset({"user"})).reads(Place(REQUEST, role))
    assert not Placement(roles=frozenset({"system"})).reads(Place(REQUEST, role))


@given(
    st.sets(st.sampled_from(ROLES)),
    st.none() | st.sets(st.sampled_from(tuple(TOOL_TEXTS))),
    st.sampled_from(Phase),
    st.sampled_from([*ROLES, "function", "critic"]),
    st.sampled_from(["content", "reasoning", "refusal", "other", *TOOL_TEXTS]),
)
def test_a_phase_that_is_not_inspected_holds_nothing_to_read(roles, tools, phase, role, kind):
    """Bodies of a phase are skipped whole only if no place that an answer can have is read there."""
    placement = Placement(roles=frozenset(roles), tools=None if tools is None else frozenset(tools))
    if phase is RESPONSE and (role != "assistant" or kind in ("tool_result", "tool_definition")):
        return
    assert not placement.reads(Place(phase, role, kind)) or phase in placement.read
