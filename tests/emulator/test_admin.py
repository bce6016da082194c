"""The emulator's own paths: unsigned, and on the same port."""

from __future__ import annotations

import json

import httpx
import pytest

from extproc.emulator.personalities import KINDS


@pytest.fixture
def http(emulator):
    """A plain client for the emulator."""
    with httpx.Client(base_url=emulator.url) as client:
        yield client


def test_health_names_the_region(http) -> None:
    """A health check needs no signature."""
    assert http.get("/emulator/health").json() == {"status": "ok", "region": "us-east-1"}


def test_requests_are_shown(http, client, chat) -> None:
    """What AWS's client sent is listed, all of it or by endpoint, and the admin's own requests are not."""
    client.invoke_endpoint(EndpointName="one", Body=chat(), ContentType="application/json")
    client.invoke_endpoint(EndpointName="two", Body=chat())
    shown = http.get("/emulator/requests").json()["requests"]
    assert [entry["endpoint"] for entry in shown] == ["one", "two"]
    assert [entry["status"] for entry in shown] == [200, 200]
    assert shown[0]["headers"]["authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
    assert json.loads(shown[0]["body"]) == json.loads(chat())
    assert [entry["endpoint"] for entry in http.get("/emulator/requests?endpoint=two").json()["requests"]] == ["two"]


def test_requests_are_counted_by_endpoint(http, client, chat) -> None:
    """The counts go on where the list of the last requests ends, until a reset."""
    for name in ("one", "two", "one"):
        client.invoke_endpoint(EndpointName=name, Body=chat())
    assert http.get("/emulator/counts").json() == {"counts": {"one": 2, "two": 1}}
    http.post("/emulator/reset")
    assert http.get("/emulator/counts").json() == {"counts": {}}


def test_faults_are_set_and_taken_away(http, client, chat) -> None:
    """A fault set over HTTP holds for its number of requests, or until it is taken away."""
    assert http.post("/emulator/faults", json={"endpoint": "e", "kind": "throttle", "times": 1}).status_code == 200
    assert http.post("/emulator/faults", json={"endpoint": "e", "kind": "internal"}).status_code == 200
    listed = http.get("/emulator/faults").json()
    assert listed["faults"] == [
        {"endpoint": "e", "kind": "throttle", "times": 1},
        {"endpoint": "e", "kind": "internal", "times": None},
    ]
    assert listed["kinds"] == sorted(KINDS)
    for code in ("ThrottlingException", "InternalFailure", "InternalFailure"):
        with pytest.raises(client.exceptions.ClientError) as raised:
            client.invoke_endpoint(EndpointName="e", Body=chat())
        assert raised.value.response["Error"]["Code"] == code
    http.post("/emulator/faults", json={"endpoint": "e", "kind": None})
    assert client.invoke_endpoint(EndpointName="e", Body=chat())["Body"].read()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"{}"),
        b'{"endpoint":"e","kind":"no"}',
        b'{"endpoint":1,"kind":"reset"}',
        b'{"endpoint":"e","kind":"reset","times":0}',
    ],
)
def test_a_wrong_fault_is_refused(body, http) -> None:
    """What is no fault changes nothing and says so."""
    answer = http.post("/emulator/faults", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert http.get("/emulator/faults").json()["faults"] == []


def test_reset_forgets(http, client, chat) -> None:
    """Requests and faults are gone after a reset."""
    client.invoke_endpoint(EndpointName="e", Body=chat())
    http.post("/emulator/faults", json={"endpoint": "*", "kind": "reset"})
    assert http.post("/emulator/reset").json() == {"status": "ok"}
    assert http.get("/emulator/requests").json() == {"requests": []}
    assert http.get("/emulator/faults").json()["faults"] == []


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/emulator/"), ("DELETE", "/emulator/faults"), ("POST", "/emulator/x")]
)
def test_other_paths_are_unknown(method, path, http) -> None:
    """Whatever else lies below /emulator/ is a 404."""
    assert http.request(method, path).status_code == 404
