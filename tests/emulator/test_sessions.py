"""Sessions of an emulated stateful container, by AWS's own client."""

from __future__ import annotations

import pytest


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
