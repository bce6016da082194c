"""The emulator's check of bearer tokens, with tokens that botocore presigned."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from unittest import mock

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from extproc.emulator import bearer
from extproc.emulator.received import Received
from extproc.emulator.refusals import Refused
from extproc.emulator.server import TEST_CREDENTIALS
from extproc.routing.targets import Credentials

NOW = 1_790_000_000
SESSION = Credentials("ASIASESSION000000001", "secret", "a/token+of=a==session")
KEYS = {known.access_key: known for known in (TEST_CREDENTIALS, SESSION)}


def token(credentials=TEST_CREDENTIALS, *, region="us-east-1", service="sagemaker", expires=900, at=NOW, **changes):
    """A token as AWS's generator makes it; `changes` are those of the URL, before base64."""
    request = AWSRequest(
        method="POST",
        url=f"https://{bearer.HOST}/",
        headers={"host": bearer.HOST},
        params={"Action": changes.get("action", "CallWithBearerToken")},
    )
    keys = BotocoreCredentials(credentials.access_key, credentials.secret_key, credentials.token)
    moment = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
    with mock.patch.object(auth, "get_current_datetime", return_value=moment):
        auth.SigV4QueryAuth(keys, service, region, expires=expires).add_auth(request)
    url = request.url.removeprefix("https://") + changes.get("version", "&Version=1")
    old, new = changes.get("replace", ("", ""))
    return bearer.PREFIX + base64.b64encode(url.replace(old, new, 1).encode()).decode()


def judged(authorization: str | None, now: float = NOW) -> tuple[int, str]:
    """The status and error type of the refusal; 200 for none."""
    headers = () if authorization is None else ((b"authorization", authorization.encode("latin-1")),)
    try:
        bearer.verify(Received(b"POST", b"/", headers, b""), KEYS, "us-east-1", now)
    except Refused as refused:
        return refused.refusal.status, refused.refusal.error_type
    return 200, ""


@pytest.mark.parametrize("credentials", [TEST_CREDENTIALS, SESSION], ids=["keys", "session"])
@pytest.mark.parametrize("expires", [1, 900, 43_200])
def test_tokens_of_botocore_hold(credentials, expires) -> None:
    """With and without a session token, to the last second of their life."""
    assert judged(f"Bearer {token(credentials, expires=expires)}", NOW + expires - 1)[0] == 200


@pytest.mark.parametrize(
    "made",
    [
        {"region": "us-west-2"},
        {"service": "bedrock"},
        {"expires": 43_201},
        {"expires": 0},
        {"at": NOW - 901},
        {"at": NOW + 301},
        {"action": "InvokeEndpoint"},
        {"version": ""},
        {"version": "&Version=2"},
        {"version": "&Version=1&X-Amz-Expires=43200"},
        {"replace": ("X-Amz-Expires=900", "X-Amz-Expires=901")},
        {"replace": ("X-Amz-Expires=900", "X-Amz-Expires=")},
        {"replace": (bearer.HOST, "bedrock.amazonaws.com")},
        {"credentials": Credentials("AKIAUNKNOWN000000001", "secret")},
        {"credentials": Credentials(TEST_CREDENTIALS.access_key, "another secret")},
        {"credentials": Credentials(SESSION.access_key, SESSION.secret_key, "another token")},
        {"credentials": Credentials(SESSION.access_key, SESSION.secret_key)},
    ],
    ids=str,
)
def test_a_token_that_is_wrong_in_one_thing_is_refused(made) -> None:
    """Scope, time, action, version, host, keys, and every changed byte of what was signed."""
    assert judged(f"Bearer {token(**made)}") == (401, "InvalidBearerToken")


@pytest.mark.parametrize("authorization", [None, "", "AWS4-HMAC-SHA256 Credential=x", "Basic abc"])
def test_other_authorizations_are_refused(authorization) -> None:
    """SigV4 is as good as nothing there: 403."""
    assert judged(authorization) == (403, "InvalidBearerToken")


@given(st.text(st.characters(max_codepoint=255)))
def test_no_text_passes_or_breaks_it(text) -> None:
    """Whatever stands after Bearer is refused in order."""
    assert judged(f"Bearer {text}")[0] == 401
    assert judged(f"Bearer {bearer.PREFIX}{base64.b64encode(text.encode()).decode()}")[0] == 401
