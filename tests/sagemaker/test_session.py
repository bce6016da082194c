"""Sticky sessions, carried by the client."""

from __future__ import annotations

import pytest
from botocore.session import Session as BotocoreSession
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import MalformedRequest, UnsupportedParameter
from extproc.sagemaker.session import Session, answered, first, header, parse
from extproc.testing import make_target

EAST = make_target("east", sessions=True)
WEST = make_target("west", sessions=True)
PLAIN = make_target("plain")
MODEL = BotocoreSession().get_service_model("sagemaker-runtime").operation_model("InvokeEndpoint")


@pytest.mark.parametrize(
    ("value", "session"),
    [
        ("", None),
        ("new", Session()),
        (" NEW ", Session()),
        ("east:1f2e", Session("east", "1f2e")),
        ("us.east_1-a:a-b", Session("us.east_1-a", "a-b")),
        ("east:1f2e; Expires=2026-11-24T04:00:00Z", Session("east", "1f2e")),
        ("east:" + "a" * 256, Session("east", "a" * 256)),
    ],
)
def test_what_a_client_may_say(value: str, session: Session | None) -> None:
    """Nothing, `new`, or what a response named, with its expiry or without."""
    assert parse(value) == session


@pytest.mark.parametrize(
    "value",
    ["old", "1f2e", "east:", ":1f2e", "east:NEW_SESSION", "east:a b", "east:-a", "east:a\r\nb: c", "east:" + "a" * 257],
)
def test_what_it_may_not(value: str) -> None:
    """Anything else is refused by the header's name: it would open no session, or something else."""
    with pytest.raises(MalformedRequest, match="x-sagemaker-session-id"):
        parse(value)


@given(st.text())
def test_no_text_breaks_it(value: str) -> None:
    """Whatever the header: nothing, a session whose id fits the service model, or a refusal."""
    try:
        session = parse(value)
    except MalformedRequest:
        return
    if session is not None and session.target:
        assert session.id.isascii()
        assert session.id.replace("-", "").isalnum()
        assert len(session.id) <= 256


@pytest.mark.parametrize(
    ("session", "order"),
    [
        (None, ["plain", "east", "west"]),
        (Session(), ["plain", "east", "west"]),
        (Session("west", "1"), ["west", "plain", "east"]),
        (Session("gone", "1"), ["plain", "east", "west"]),
    ],
)
def test_the_sessions_target_comes_first(session: Session | None, order: list[str]) -> None:
    """The others keep their order, for failover."""
    assert [target.id for target in first((PLAIN, EAST, WEST), session)] == order


def test_a_model_without_sessions_refuses_one() -> None:
    """Rather than serve a stateful conversation without its state."""
    assert first((PLAIN,), None) == (PLAIN,)
    with pytest.raises(UnsupportedParameter) as caught:
        first((PLAIN,), Session())
    assert caught.value.param == "x-sagemaker-session-id"


@pytest.mark.parametrize(
    ("session", "stream", "east", "west"),
    [
        (None, False, None, None),
        (Session(), False, "NEW_SESSION", "NEW_SESSION"),
        (Session(), True, None, None),
        (Session("east", "1f2e"), False, "1f2e", "NEW_SESSION"),
        (Session("east", "1f2e"), True, "1f2e", None),
    ],
)
def test_each_target_hears_of_its_own_sessions(
    session: Session | None, stream: bool, east: str | None, west: str | None
) -> None:
    """Another's is made anew where that can be done; a stream cannot create one."""
    name = MODEL.input_shape.members["SessionId"].serialization["name"].lower()
    assert header(EAST, session, stream=stream) == ({name: east} if east else {})
    assert header(WEST, session, stream=stream) == ({name: west} if west else {})
    assert header(PLAIN, session, stream=stream) == {}


def test_the_client_hears_of_its_session_with_the_targets_name() -> None:
    """New with its expiry, closed, or nothing; a target without sessions opens none."""
    names = {key: shape.serialization.get("name", "").lower() for key, shape in MODEL.output_shape.members.items()}
    opened = {names["NewSessionId"]: "1f2e; Expires=2026-11-24T04:00:00Z"}
    assert answered(EAST, opened) == (("x-sagemaker-session-id", "east:1f2e; Expires=2026-11-24T04:00:00Z"),)
    assert parse(answered(EAST, opened)[0][1]) == Session("east", "1f2e")
    assert answered(EAST, {names["ClosedSessionId"]: "1f2e"}) == (("x-sagemaker-session-id", "closed"),)
    assert answered(EAST, {names["NewSessionId"]: "no id\x7f"}) == ()
    assert answered(EAST, {}) == ()
    assert answered(PLAIN, opened) == ()
