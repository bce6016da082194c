"""Signature Version 4, against botocore's signer stage by stage and against requests recorded from AWS's own client."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.routing.targets import Credentials
from extproc.sagemaker import sigv4

# Recorded from boto3; tests/vectors/sigv4/record.py writes them anew.
VECTORS = sorted((Path(__file__).parent.parent / "vectors" / "sigv4").glob("*.json"))
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SESSION = Credentials(KEYS.access_key, KEYS.secret_key, "a/session+token==")
NOW = 1_790_000_000.75
PLAIN = {
    "method": "POST",
    "path": "/endpoints/e/invocations",
    "host": "runtime.sagemaker.us-east-1.amazonaws.com",
    "headers": {"content-type": "application/json"},
    "payload_hash": sigv4.payload_hash(b"{}"),
    "region": "us-east-1",
    "credentials": KEYS,
    "now": NOW,
}
# Headers that botocore leaves out, or that the signer owns.
NOT_OURS = {
    *("authorization", "baggage", "connection", "date", "expect", "host", "keep-alive", "proxy-authenticate"),
    *("proxy-authorization", "te", "traceparent", "tracestate", "trailer", "transfer-encoding", "upgrade"),
    *("user-agent", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amzn-trace-id"),
}

PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True).filter(lambda name: name.lower() not in NOT_OURS)
HEADERS = st.dictionaries(NAMES, st.text(PRINTABLE, max_size=40), max_size=6).filter(
    lambda headers: len({name.lower() for name in headers}) == len(headers)
)
SEGMENTS = st.one_of(
    st.sampled_from(["", ".", "..", "a%2Fb", "%20"]), st.from_regex(r"[A-Za-z0-9._~%!$&'()*+,;=:@-]+", fullmatch=True)
)
PATHS = (
    st.lists(SEGMENTS, min_size=1, max_size=5)
    .map(lambda segments: "/" + "/".join(segments))
    .filter(
        # urlsplit(), not the signer, gives these another meaning.
        lambda path: not path.startswith("//")
    )
)
CREDENTIALS = st.sampled_from([KEYS, SESSION, Credentials("AKID", "short")])


@dataclass(frozen=True)
class Call:
    """One request to be signed."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    region: str
    keys: Credentials
    now: int
    host: str = "runtime.sagemaker.example.test:8443"


CALLS = st.builds(
    Call,
    method=st.sampled_from(["POST", "GET"]),
    path=PATHS,
    headers=HEADERS,
    body=st.binary(max_size=60),
    region=st.sampled_from(["us-east-1", "cn-north-1"]),
    keys=CREDENTIALS,
    now=st.integers(min_value=0, max_value=4_000_000_000),
)


class Oracle:
    """What botocore makes of the same request: canonical request, string to sign, and the headers it would add."""

    def __init__(self, call: Call) -> None:
        keys = BotocoreCredentials(call.keys.access_key, call.keys.secret_key, call.keys.token)
        request = AWSRequest(call.method, f"https://{call.host}{call.path}", headers=call.headers, data=call.body)
        auth = SigV4Auth(keys, "sagemaker", call.region)
        with mock.patch("botocore.auth.get_current_datetime", return_value=datetime.fromtimestamp(call.now, UTC)):
            auth.add_auth(request)
        self.added = {name.lower(): value for name, value in request.headers.items()}
        del request.headers["Authorization"]
        self.canonical = auth.canonical_request(request)
        self.to_sign = auth.string_to_sign(request, self.canonical)


@settings(max_examples=200, deadline=None)
@given(CALLS)
def test_every_stage_is_botocores(call) -> None:
    """Canonical request, string to sign and signature equal botocore's for any path, headers, body, time and keys."""
    oracle = Oracle(call)
    body_hash = sigv4.payload_hash(call.body)
    added = sigv4.sign(
        method=call.method,
        path=call.path,
        host=call.host,
        headers=call.headers,
        payload_hash=body_hash,
        region=call.region,
        credentials=call.keys,
        now=call.now,
    )
    assert added == {name: oracle.added[name] for name in added}
    signed = {**{name.lower(): value for name, value in call.headers.items()}, "host": call.host, **added}
    del signed["authorization"]
    canonical, _ = sigv4.canonical_request(call.method, call.path, signed, body_hash)
    assert canonical == oracle.canonical
    stamp = added["x-amz-date"]
    scope = f"{stamp[:8]}/{call.region}/sagemaker/aws4_request"
    assert sigv4.string_to_sign(stamp, scope, canonical) == oracle.to_sign


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_signs_as_awss_own_client_does(path) -> None:
    """Given the headers that boto3 signed, the signature is the one that boto3 sent."""
    vector = json.loads(path.read_text(encoding="utf-8"))
    sent = {name.lower(): value for name, value in vector["headers"].items()}
    names = sent["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    added = sigv4.sign(
        method=vector["method"],
        path=vector["path"],
        host=vector["host"],
        headers={name: sent[name] for name in names if name in sent and not name.startswith("x-amz-")},
        payload_hash=sigv4.payload_hash(vector["body"].encode()),
        region=vector["region"],
        credentials=Credentials(vector["access_key"], vector["secret_key"], vector["token"]),
        now=vector["now"],
    )
    assert added == {name: sent[name] for name in added}
    assert ("x-amz-security-token" in added) == (vector["token"] is not None)


def test_vectors_cover_both_operations_with_and_without_a_session() -> None:
    """The recorded requests are of both operations, signed with long-lived and with session credentials."""
    recorded = [json.loads(path.read_text(encoding="utf-8")) for path in VECTORS]
    assert {(vector["operation"], vector["token"] is None) for vector in recorded} == {
        (operation, lasting)
        for operation in ("invoke_endpoint", "invoke_endpoint_with_response_stream")
        for lasting in (True, False)
    }


@pytest.mark.parametrize(
    "change",
    [
        {"headers": {"x-a": "b\r\nx-evil: 1"}},
        {"headers": {"x-a": "b\x00"}},
        {"headers": {"x-a": "tab\there"}},
        {"headers": {"x-a": "b\x7f"}},
        {"headers": {"x-a": "Grüße"}},
        {"headers": {"x a": "b"}},
        {"headers": {"x-a\r\n": "b"}},
        {"headers": {"X-A": "b", "x-a": "c"}},
        {"headers": {"host": "elsewhere"}},
        {"headers": {"X-Amz-Date": "20260101T000000Z"}},
        {"headers": {"x-amz-security-token": "of the client"}},
        {"headers": {"authorization": "Bearer x"}},
        {"host": "a\r\nb"},
        {"path": "endpoints/e"},
        {"path": "/endpoints/e?x=1"},
        {"path": "/endpoints/e#f"},
        {"path": "/endpoints/é"},
        {"path": "/endpoints/a b"},
        {"path": "/endpoints/a\r\nhost: evil"},
        {"region": "us-east-1\n"},
        {"credentials": Credentials("AKID\n", "secret")},
        {"credentials": Credentials("AKID", "secret", "token\n")},
    ],
    ids=str,
)
def test_refuses_what_a_peer_would_read_otherwise(change) -> None:
    """Control and non-ASCII characters, doubled and reserved headers, and unencoded paths are never signed."""
    with pytest.raises(sigv4.Unsignable) as refused:
        sigv4.sign(**{**PLAIN, **change})
    assert "evil" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_an_empty_token_is_no_token() -> None:
    """Credentials with an empty token are signed as long-lived ones."""
    assert sigv4.sign(**{**PLAIN, "credentials": Credentials(KEYS.access_key, KEYS.secret_key, "")}) == sigv4.sign(
        **PLAIN
    )


def test_the_signature_covers_everything_that_is_signed() -> None:
    """Another method, path, host, header, body, region, second or secret gives another signature."""
    changes = [
        {"method": "GET"},
        {"path": "/endpoints/f/invocations"},
        {"host": "runtime.sagemaker.us-east-1.amazonaws.com:8443"},
        {"headers": {"content-type": "text/plain"}},
        {"payload_hash": sigv4.payload_hash(b"{} ")},
        {"region": "us-east-2"},
        {"now": NOW + 1},
        {"credentials": Credentials(KEYS.access_key, "another")},
        {"service": "bedrock"},
    ]
    made = {sigv4.sign(**{**PLAIN, **change})["authorization"].rpartition("=")[2] for change in [{}, *changes]}
    assert len(made) == len(changes) + 1


def test_a_new_day_and_forgotten_keys_change_nothing() -> None:
    """Cached keys are of one day, and forgetting them only costs time."""
    before = sigv4.sign(**PLAIN)
    tomorrow = sigv4.sign(**{**PLAIN, "now": NOW + 86_400})
    assert tomorrow["authorization"].split("/")[1] != before["authorization"].split("/")[1]
    sigv4.forget_keys()
    assert sigv4.signing_key.cache_info().currsize == 0
    assert sigv4.sign(**PLAIN) == before
    assert sigv4.sign(**{**PLAIN, "now": NOW + 86_400}) == tomorrow


def test_no_more_than_a_bounded_number_of_keys_is_kept() -> None:
    """Ever new credentials push old ones out of the cache."""
    for number in range(100):
        sigv4.sign(**{**PLAIN, "credentials": Credentials("AKID", f"secret-{number}")})
    assert sigv4.signing_key.cache_info().currsize <= 64
