"""The verifier, against requests signed by botocore, by AWS's recorded client, and by our own signer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.emulator.received import Received
from extproc.emulator.refusals import Refused
from extproc.emulator.server import TEST_CREDENTIALS
from extproc.emulator.verify import verify
from extproc.routing.targets import Credentials, Target
from extproc.sagemaker.invoke import signed_request
from extproc.sagemaker.sigv4 import payload_hash, sign

VECTORS = sorted((Path(__file__).parent.parent / "vectors" / "sigv4").glob("*.json"))
KEYS = {TEST_CREDENTIALS.access_key: TEST_CREDENTIALS}
SESSION = replace(TEST_CREDENTIALS, token="a/session+token==")


def said(request, *, keys=None, region="us-east-1", now):
    """The error type and message of the refusal."""
    with pytest.raises(Refused) as refused:
        verify(request, keys or KEYS, region, now)
    answer = refused.value.refusal
    assert answer.status == 403
    return answer.error_type, json.loads(answer.body)["message"]


def without(request, *names):
    """The request without these headers."""
    return replace(request, headers=tuple(pair for pair in request.headers if pair[0] not in names))


def with_authorization(request, change):
    """The request with a changed Authorization header."""
    return replace(
        request,
        headers=tuple((name, change(value) if name == b"authorization" else value) for name, value in request.headers),
    )


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_awss_own_client_is_accepted(path) -> None:
    """A request recorded from boto3 holds, and does not for another body."""
    vector = json.loads(path.read_text(encoding="utf-8"))
    headers = tuple((name.lower().encode(), value.encode()) for name, value in vector["headers"].items())
    host = (b"host", vector["host"].encode())
    request = Received(vector["method"].encode(), vector["path"].encode(), (host, *headers), vector["body"].encode())
    keys = {vector["access_key"]: Credentials(vector["access_key"], vector["secret_key"], vector["token"])}
    verify(request, keys, vector["region"], vector["now"])
    tampered = replace(request, body=request.body + b" ")
    assert said(tampered, keys=keys, region=vector["region"], now=vector["now"])[0] == "InvalidSignatureException"


PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.from_regex(r"x-amzn-[a-z]{1,10}", fullmatch=True), PRINTABLE, max_size=4),
    st.lists(st.from_regex(r"(\.|\.\.|[A-Za-z0-9%.~_-]+)", fullmatch=True), min_size=1, max_size=4),
    st.binary(max_size=40),
)
def test_botocore_and_our_signer_are_accepted(signed, now, headers, segments, body) -> None:
    """Whatever is signed, the verifier rebuilds it from the bytes: botocore's signature and ours both hold."""
    path = "/" + "/".join(segments)
    headers = {name: value for name, value in headers.items() if name != "x-amzn-trace-id"}
    theirs = signed(path, body, headers=headers)
    verify(theirs, KEYS, "us-east-1", now)
    ours = {"host": "127.0.0.1:8080", "content-type": "application/json", **headers}
    ours |= sign(
        method="POST",
        path=path,
        host="127.0.0.1:8080",
        headers={name: value for name, value in ours.items() if name != "host"},
        payload_hash=payload_hash(body),
        region="us-east-1",
        credentials=TEST_CREDENTIALS,
        now=now,
    )
    wire = tuple((name.encode(), value.encode()) for name, value in ours.items())
    verify(Received(b"POST", path.encode(), wire, body), KEYS, "us-east-1", now)
    assert dict(theirs.headers)[b"authorization"] == ours["authorization"].encode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("credentials", [TEST_CREDENTIALS, SESSION])
def test_an_attempt_of_the_gateway_is_accepted(stream, credentials, now) -> None:
    """What invoke.signed_request() says to send holds, and headers that a proxy adds do no harm."""
    target = Target("t", "chat", ("m",), "us-east-1", scheme="http", host="127.0.0.1", port=8080)
    made = signed_request(
        target, body_length=2, payload_hash=payload_hash(b"{}"), stream=stream, credentials=credentials, now=now
    )
    wire = [(b"host", made[":authority"].encode()), (b"x-request-id", b"1"), (b"x-amzn-trace-id", b"Root=1")]
    wire += [(name.encode(), value.encode()) for name, value in made.items() if not name.startswith(":")]
    request = Received(b"POST", made[":path"].encode(), tuple(wire), b"{}")
    verify(request, {credentials.access_key: credentials}, "us-east-1", now)
    forged = replace(request, headers=(*request.headers, (b"x-amz-target", b"x")))
    error = said(forged, keys={credentials.access_key: credentials}, now=now)
    assert error == (
        "InvalidSignatureException",
        "There were headers present in the request that were not signed: x-amz-target",
    )


MISMATCH = "does not match the signature you provided"


def header(name, value):
    """A change that adds a header."""
    return lambda request: replace(request, headers=(*request.headers, (name, value)))


def authorization(old, new):
    """A change inside the Authorization header."""
    return lambda request: with_authorization(request, lambda value: value.replace(old, new))


def drop(name):
    """A change that takes a header away."""
    return lambda request: without(request, name)


def other_host(request):
    """The request sent to another host than the signed one."""
    return replace(request, headers=((b"host", b"elsewhere"), *without(request, b"host").headers))


def other_signature(request):
    """The signature with its last digit changed."""
    return with_authorization(request, lambda value: value[:-1] + (b"1" if value.endswith(b"0") else b"0"))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (drop(b"authorization"), "MissingAuthenticationToken", "Missing Authentication Token"),
        (lambda r: replace(r, body=r.body + b" "), "InvalidSignature", MISMATCH),
        (lambda r: replace(r, method=b"PUT"), "InvalidSignature", MISMATCH),
        (lambda r: replace(r, target=r.target.replace(b"chat", b"chut")), "InvalidSignature", MISMATCH),
        (lambda r: replace(r, target=r.target + b"?a=1"), "InvalidSignature", MISMATCH),
        (other_host, "InvalidSignature", MISMATCH),
        (other_signature, "InvalidSignature", MISMATCH),
        (header(b"content-type", b"text/html"), "InvalidSignature", MISMATCH),
        (drop(b"content-type"), "InvalidSignature", MISMATCH),
        (header(b"x-amz-meta", b"1"), "InvalidSignature", "not signed: x-amz-meta"),
        (drop(b"x-amz-date"), "IncompleteSignature", "X-Amz-Date"),
        (header(b"x-amz-date", b"1"), "IncompleteSignature", "X-Amz-Date"),
        (authorization(b"AWS4-HMAC-SHA256", b"Basic"), "IncompleteSignature", "Unsupported AWS 'algorithm'"),
        (authorization(b"Signature=", b"Sig="), "IncompleteSignature", "'Signature'"),
        (authorization(b"Signature=", b"Signature=0"), "IncompleteSignature", "64 hexadecimal"),
        (authorization(b"/aws4_request", b""), "IncompleteSignature", "5 slash"),
        (authorization(b"content-type;host", b"host;content-type"), "IncompleteSignature", "sorted"),
        (authorization(b";host", b""), "InvalidSignature", "'Host'"),
        (authorization(b"AKIA", b"AKIB"), "UnrecognizedClient", "security token"),
    ],
)
def test_each_defect_has_awss_answer(change, error, text, signed, now) -> None:
    """A request that was changed after signing, or signed in another way, is refused with the error AWS gives."""
    assert verify(signed(), KEYS, "us-east-1", now) is None
    error_type, message = said(change(signed()), now=now)
    assert error_type == f"{error}Exception"
    assert text in message


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"region": "us-west-2"}, "scoped to a valid region, not 'us-west-2'"),
        ({"service": "bedrock"}, "scoped to correct service: 'sagemaker'"),
        ({"credentials": Credentials(TEST_CREDENTIALS.access_key, "wrong")}, MISMATCH),
    ],
)
def test_another_scope_or_secret_is_refused(how, text, signed, now) -> None:
    """Region and service must be this emulator's, and the secret the key's."""
    error_type, message = said(signed(**how), now=now)
    assert error_type == "InvalidSignatureException"
    assert text in message


def test_the_scopes_day_must_be_the_times(signed, now) -> None:
    """A signature for another day than x-amz-date's is refused."""
    request = with_authorization(signed(), lambda value: value.replace(b"/20260921/", b"/20260922/"))
    assert "'20260922' != '20260921'" in said(request, now=now)[1]


@pytest.mark.parametrize("skew", [-300, 0, 300])
def test_five_minutes_of_skew_are_accepted(skew, signed, now) -> None:
    """A clock that is five minutes off still signs."""
    assert verify(signed(at=now + skew), KEYS, "us-east-1", now) is None


@pytest.mark.parametrize(
    ("skew", "text"),
    [
        (-301, "expired: 20260921T140819Z is now earlier than 20260921T140820Z (20260921T141320Z - 5 min.)"),
        (301, "not yet current: 20260921T141821Z is still later than 20260921T141820Z (20260921T141320Z + 5 min.)"),
    ],
)
def test_more_skew_is_refused_in_awss_words(skew, text, signed, now) -> None:
    """Beyond five minutes the error gives both times."""
    assert said(signed(at=now + skew), now=now) == ("InvalidSignatureException", f"Signature {text}")


@pytest.mark.parametrize(
    ("sent", "known"),
    [(TEST_CREDENTIALS, SESSION), (SESSION, TEST_CREDENTIALS), (replace(SESSION, token="another"), SESSION)],
    ids=["missing", "needless", "another"],
)
def test_the_token_must_be_the_keys(sent, known, signed, now) -> None:
    """Session keys need their token, long-lived keys none."""
    error_type, message = said(signed(credentials=sent), keys={known.access_key: known}, now=now)
    assert (error_type, message) == (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )


def test_an_unsigned_token_is_refused(signed, now) -> None:
    """The right token beside a signature that does not cover it is refused."""
    request = signed()
    request = replace(request, headers=(*request.headers, (b"x-amz-security-token", SESSION.token.encode())))
    assert said(request, keys={SESSION.access_key: SESSION}, now=now)[1].endswith("not signed: x-amz-security-token")
