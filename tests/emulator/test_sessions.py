"""Sessions of an emulated stateful container, by AWS's own client."""

from __future__ import annotations

import pytest

from extproc.emulator.container import ContainerRefused
from extproc.emulator.received import Received
from extproc.emulator.sessions import LIFETIME_SECONDS, Sessions


def test_sessions_are_opened_kept_and_unknown(client, chat) -> None:
    """NEW_SESSION names one, which both operations take; another name is the container's error."""
    answer = client.invoke_endpoint(EndpointName="stateful", SessionId="NEW_SESSION", Body=chat())
    assert answer["Body"].read()
    name, _, expires = answer["NewSessionId"].partition("; Expires=")
    assert len(expires) == 20
    again = client.invoke_endpoint(EndpointName="stateful", SessionId=name, Body=chat())
    assert again["Body"].read()
    assert "NewSessionId" not in again
    stream = client.invoke_endpoint_with_response_stream(EndpointName="stateful", SessionId=name, Body=chat())
    assert b"Hello" in b"".join(event["PayloadPart"]["Bytes"] for event in stream["Body"])
    with pytest.raises(client.exceptions.ModelError) as caught:
        client.invoke_endpoint(EndpointName="stateful", SessionId="other", Body=chat())
    assert caught.value.response["OriginalStatusCode"] == 424


def test_a_stream_cannot_open_a_session(client, chat) -> None:
    """The operation takes existing ones only."""
    with pytest.raises(client.exceptions.ValidationError, match="'sessionId'"):
        client.invoke_endpoint_with_response_stream(EndpointName="stateful", SessionId="NEW_SESSION", Body=chat())


def test_a_session_is_opened_and_closed_by_requests_of_their_own(client, chat) -> None:
    """As vLLM and LMI have it: a body with nothing but a requestType, and no answer of the model."""
    opened = client.invoke_endpoint(
        EndpointName="stateful", SessionId="NEW_SESSION", Body=b'{"requestType": "NEW_SESSION"}'
    )
    name = opened["NewSessionId"].partition(";")[0]
    assert opened["Body"].read() == f"Session {name} created".encode()
    closed = client.invoke_endpoint(EndpointName="stateful", SessionId=name, Body=b'{"requestType": "CLOSE"}')
    assert closed["ClosedSessionId"] == name
    assert closed["Body"].read() == f"Session {name} closed".encode()
    for body in (chat(), b'{"requestType": "CLOSE"}'):
        with pytest.raises(client.exceptions.ModelError) as caught:
            client.invoke_endpoint(EndpointName="stateful", SessionId=name, Body=body)
        assert caught.value.response["OriginalStatusCode"] == 424


def test_a_stream_may_close_a_session(client) -> None:
    """What is said of it then comes in PayloadParts, like any answer of that operation."""
    name = client.invoke_endpoint(
        EndpointName="stateful", SessionId="NEW_SESSION", Body=b'{"requestType": "NEW_SESSION"}'
    )["NewSessionId"].partition(";")[0]
    closed = client.invoke_endpoint_with_response_stream(
        EndpointName="stateful", SessionId=name, Body=b'{"requestType": "CLOSE"}'
    )
    assert b"".join(event["PayloadPart"]["Bytes"] for event in closed["Body"]) == f"Session {name} closed".encode()


@pytest.mark.parametrize("body", [b'{"requestType": "OPEN"}', b'{"requestType": "NEW_SESSION", "messages": []}'])
def test_a_request_about_sessions_has_nothing_else(body, client) -> None:
    """Another type, or another field beside it, is the container's 400."""
    with pytest.raises(client.exceptions.ModelError, match="requestType") as caught:
        client.invoke_endpoint(EndpointName="stateful", SessionId="NEW_SESSION", Body=body)
    assert caught.value.response["OriginalStatusCode"] == 400


def test_sessions_have_names_of_their_own_and_end() -> None:
    """Two are two, closed ones included, and each is unknown once its time is over."""
    sessions = Sessions("us-east-1")

    def asking(name):
        return Received(b"POST", b"/", ((b"x-amzn-sagemaker-session-id", name.encode()),), b"")

    def opened(number):
        ((_, said),) = sessions.take(asking("NEW_SESSION"), number, 1_000)
        return said.partition(";")[0]

    names = [opened(1), opened(2)]
    sessions.managed({"requestType": "CLOSE"}, asking(names[1]), 3, 1_001)
    names.append(opened(4))
    assert len(set(names)) == 3
    assert sessions.take(asking(names[0]), 5, 1_000 + LIFETIME_SECONDS - 1) == ()
    for name, now in ((names[0], 1_000 + LIFETIME_SECONDS), (names[1], 1_002)):
        with pytest.raises(ContainerRefused, match="session not found"):
            sessions.take(asking(name), 6, now)
