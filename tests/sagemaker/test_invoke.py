"""What one attempt sends, against what AWS's own client sends for the same call."""

from __future__ import annotations

import boto3
import pytest
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from extproc.routing.targets import Credentials, Target
from extproc.sagemaker import invoke
from extproc.sagemaker.hosts import runtime_host
from extproc.sagemaker.invoke import InvalidEndpointName, endpoint_path, signed_request
from extproc.sagemaker.sigv4 import payload_hash, sign

KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SESSION = Credentials(KEYS.access_key, KEYS.secret_key, "a/session+token==")
BODY = b'{"messages":[]}'
NOW = 1_790_000_000.0


def target(**changes):
    """A target in us-east-1."""
    given = {"id": "t", "endpoint": "my-endpoint", "models": ("m",), "region": "us-east-1"}
    return Target(**{**given, "host": runtime_host("us-east-1"), **changes})


def request(*, stream, credentials=KEYS, **changes):
    """What is sent to that target."""
    return signed_request(
        target(**changes),
        body_length=len(BODY),
        payload_hash=payload_hash(BODY),
        stream=stream,
        credentials=credentials,
        now=NOW,
    )


def sent_by_boto3(operation, **parameters):
    """The request that AWS's client would send."""
    sent = []
    client = boto3.client(
        "sagemaker-runtime", region_name="us-east-1", aws_access_key_id="AKID", aws_secret_access_key="secret"
    )

    def stop(request, **_):
        sent.append(request)
        raise InterruptedError

    client.meta.events.register("before-send.sagemaker-runtime.*", stop)
    with pytest.raises(InterruptedError):
        getattr(client, operation)(EndpointName="my-endpoint", Body=BODY, **parameters)
    return sent[0]


@pytest.mark.parametrize(
    ("stream", "operation"), [(False, "invoke_endpoint"), (True, "invoke_endpoint_with_response_stream")]
)
def test_sends_what_awss_client_sends(stream, operation) -> None:
    """Path, host and the headers of the call are those of boto3 with the same content type and Accept."""
    theirs = sent_by_boto3(operation, ContentType="application/json", Accept="application/json")
    names = {name.lower(): value for name, value in theirs.headers.items()}
    ours = request(stream=stream)
    assert f"https://{ours[':authority']}{ours[':path']}" == theirs.url
    assert {name for name in ours if not name.startswith(":")} == set(names) - {
        *("user-agent", "amz-sdk-invocation-id", "amz-sdk-request")
    }
    for name in ("content-length", "content-type", "accept", "x-amzn-sagemaker-accept"):
        theirs_value = names.get(name)
        assert ours.get(name) == (theirs_value.decode() if isinstance(theirs_value, bytes) else theirs_value)


@pytest.mark.parametrize(
    ("stream", "credentials", "signed"),
    [
        (False, KEYS, "content-type;host;x-amz-date"),
        (True, KEYS, "content-type;host;x-amz-date;x-amzn-sagemaker-accept"),
        (False, SESSION, "content-type;host;x-amz-date;x-amz-security-token"),
        (True, SESSION, "content-type;host;x-amz-date;x-amz-security-token;x-amzn-sagemaker-accept"),
    ],
)
def test_signs_what_sagemaker_acts_on(stream, credentials, signed) -> None:
    """Host, content type, time, token and SageMaker's own headers are signed; Accept, which a proxy may touch, not."""
    made = request(stream=stream, credentials=credentials)
    assert f"SignedHeaders={signed}," in made["authorization"]
    assert made.get("x-amz-security-token") == credentials.token
    assert ("accept" in made) == (not stream)
    expected = sign(
        method="POST",
        path=made[":path"],
        host=made[":authority"],
        headers={name: made[name] for name in signed.split(";") if name in made and not name.startswith("x-amz-")},
        payload_hash=payload_hash(BODY),
        region="us-east-1",
        credentials=credentials,
        now=NOW,
    )
    assert made["authorization"] == expected["authorization"]


@pytest.mark.parametrize(
    ("changes", "authority"),
    [
        ({}, "runtime.sagemaker.us-east-1.amazonaws.com"),
        ({"port": 8443}, "runtime.sagemaker.us-east-1.amazonaws.com:8443"),
        ({"scheme": "http", "host": "127.0.0.1", "port": 80}, "127.0.0.1"),
        ({"scheme": "http", "host": "127.0.0.1", "port": 9000}, "127.0.0.1:9000"),
    ],
)
def test_signs_the_host_that_is_sent(changes, authority) -> None:
    """The signed host has the port exactly when the Host header has it: two ports make two signatures."""
    made = request(stream=False, **changes)
    assert made[":authority"] == authority
    assert made["authorization"] != request(stream=False, host="elsewhere.example.test")["authorization"]


@pytest.mark.parametrize("name", ["a", "A1", "a-b", "a--b", "1-2-3", "x" * 63])
def test_endpoint_names_of_the_service_model_are_taken(name) -> None:
    """Letters, digits and inner hyphens, up to 63, stand in the path as they are."""
    assert endpoint_path(name, stream=False) == f"/endpoints/{name}/invocations"
    assert endpoint_path(name, stream=True) == f"/endpoints/{name}/invocations-response-stream"


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "a/b", "a.b", "a b", "a%2Fb", "ä", "a\n", "../a", "x" * 64])
def test_other_endpoint_names_are_refused(name) -> None:
    """A name that could leave its place in the path, or that no endpoint has, is refused."""
    with pytest.raises(InvalidEndpointName, match="is not an endpoint name"):
        endpoint_path(name, stream=False)


@given(st.text(max_size=70))
def test_endpoint_names_are_judged_as_the_service_model_does(name) -> None:
    """Whatever the name, it is taken exactly when botocore's pattern and length allow it."""
    shape = Session().get_service_model("sagemaker-runtime").shape_for("EndpointName")
    assert shape.metadata["max"] == 63
    allowed = (
        name.isascii() and name.replace("-", "a").isalnum() and not name.startswith("-") and not name.endswith("-")
    )
    if allowed and len(name) <= 63:
        assert invoke.check_endpoint_name(name) == name
    else:
        with pytest.raises(InvalidEndpointName):
            invoke.check_endpoint_name(name)


@pytest.mark.parametrize("stream", [False, True])
def test_further_headers_are_sent_and_signed(stream) -> None:
    """What addresses the model stands in the list of signed headers, and a prefix before the path is signed too."""
    made = signed_request(
        target(path_prefix="/proxy/east"),
        body_length=len(BODY),
        payload_hash=payload_hash(BODY),
        stream=stream,
        credentials=KEYS,
        now=NOW,
        headers={"x-amzn-sagemaker-inference-component": "copy"},
    )
    assert made[":path"].startswith("/proxy/east/endpoints/my-endpoint/invocations")
    assert made["x-amzn-sagemaker-inference-component"] == "copy"
    signed = made["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert "x-amzn-sagemaker-inference-component" in signed
    plain = request(stream=stream, path_prefix="/proxy/west")
    assert plain["authorization"] != request(stream=stream)["authorization"]


VARIANTS = [
    (changes, stream, credentials, now)
    for changes in ({}, {"endpoint": "other"}, {"host": "h"}, {"region": "eu-west-1"}, {"custom_attributes": "a=b"})
    for stream in (False, True)
    for credentials in (KEYS, SESSION, Credentials(KEYS.access_key, "another"))
    for now in (NOW, NOW + 1, NOW + 86_400)
]


def test_what_is_kept_is_never_used_for_anything_else() -> None:
    """By any credentials, at any second, of other targets of the same id: each signature is of its own request."""
    made = []
    for changes, stream, credentials, now in [*VARIANTS, *reversed(VARIANTS)]:
        body = BODY + str(len(made)).encode()
        sent = signed_request(
            target(**changes), len(body), payload_hash(body), stream=stream, credentials=credentials, now=now
        )
        made.append(sent["authorization"])
        pseudo = {":path", ":authority", "content-length", "accept", "authorization", "x-amz-date"}
        assert sent["content-length"] == str(len(body))
        expected = sign(
            method="POST",
            path=endpoint_path(changes.get("endpoint", "my-endpoint"), stream=stream),
            host=changes.get("host", runtime_host("us-east-1")),
            headers={name: sent[name] for name in sent.keys() - pseudo - {"x-amz-security-token"}},
            payload_hash=payload_hash(body),
            region=changes.get("region", "us-east-1"),
            credentials=credentials,
            now=now,
        )
        assert {name: sent[name] for name in expected} == expected
    assert len(set(made)) == len(made) == 2 * len(VARIANTS)


def test_requests_with_headers_of_their_own_are_not_kept() -> None:
    """What a client says fills no memory, and what was made of a secret can be forgotten."""
    invoke.forget_requests()
    request(stream=False)
    for number in range(3):
        signed_request(
            target(),
            len(BODY),
            payload_hash(BODY),
            stream=False,
            credentials=KEYS,
            now=NOW,
            headers={"x-amzn-sagemaker-prefix-aware-id": str(number)},
        )
    assert len(invoke._plain) == 1
    invoke.forget_requests()
    assert not invoke._plain


def test_what_is_kept_does_not_grow(monkeypatch) -> None:
    """With time one outline takes another's place, and of targets that are gone a few may stay."""
    monkeypatch.setattr(invoke, "_MOST_KEPT", 4)
    invoke.forget_requests()
    for number in range(50):
        again = target(id=f"t{number % 7}")
        for second in range(3):
            signed_request(again, 0, payload_hash(b""), stream=False, credentials=KEYS, now=NOW + second)
    assert 0 < len(invoke._plain) <= 4
