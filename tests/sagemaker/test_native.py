"""The bearer token of SageMaker's OpenAI path, against a query that botocore presigns."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.routing.targets import Credentials, Target
from extproc.sagemaker import native
from extproc.sagemaker.invoke import InvalidEndpointName
from extproc.sagemaker.sigv4 import Unsignable

KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SESSION = Credentials(KEYS.access_key, KEYS.secret_key, "a/session+token==" * 50)
NOW = 1_790_000_000.0


def presigned_by_botocore(credentials: Credentials, region: str, second: int, lifetime: int) -> str:
    """The token as AWS's own generator makes it from botocore's presigned URL."""
    request = AWSRequest(
        method="POST",
        url=f"https://{native.HOST}/",
        headers={"host": native.HOST},
        params={"Action": "CallWithBearerToken"},
    )
    keys = BotocoreCredentials(credentials.access_key, credentials.secret_key, credentials.token)
    moment = datetime.fromtimestamp(second, UTC)
    with mock.patch.object(auth, "get_current_datetime", return_value=moment.replace(tzinfo=None)):
        auth.SigV4QueryAuth(keys, "sagemaker", region, expires=lifetime).add_auth(request)
    url = request.url.removeprefix("https://") + "&Version=1"
    return native.PREFIX + base64.b64encode(url.encode()).decode()


def read(token: str) -> dict[str, str]:
    """The parameters that a token holds."""
    url = base64.b64decode(token.removeprefix("Bearer ").removeprefix(native.PREFIX)).decode()
    return dict(parse_qsl(urlsplit(f"https://{url}").query))


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "eusc-de-east-1"])
@pytest.mark.parametrize("credentials", [KEYS, SESSION], ids=["keys", "session"])
@pytest.mark.parametrize("lifetime", [1, 900, 43_200])
def test_a_token_is_what_botocore_presigns(credentials: Credentials, region: str, lifetime: int) -> None:
    """Byte for byte, with and without a session token."""
    made = native.mint(credentials, region, int(NOW), lifetime)
    assert made == presigned_by_botocore(credentials, region, int(NOW), lifetime)


PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@settings(max_examples=100)
@given(PRINTABLE, PRINTABLE, st.none() | PRINTABLE, st.integers(0, 4_000_000_000))
def test_whatever_the_credentials_botocore_agrees(access: str, secret: str, token: str | None, second: int) -> None:
    """Every printable character of keys and tokens is encoded as botocore encodes it."""
    credentials = Credentials(access, secret, token)
    assert native.mint(credentials, "us-east-1", second) == presigned_by_botocore(credentials, "us-east-1", second, 900)


@given(st.floats(0, 4_000_000_000))
def test_a_token_in_use_is_never_about_to_expire(now: float) -> None:
    """Whenever it is asked for, it is already valid and stays so for ten minutes more."""
    held = read(native.bearer(KEYS, "us-east-1", now))
    signed = datetime.strptime(held["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    assert signed <= now
    assert now + 600 <= signed + int(held["X-Amz-Expires"])


def test_a_token_is_shared_by_region_and_credentials_and_renewed_with_them() -> None:
    """The same within five minutes; another for a later time, another region, and rotated credentials."""
    native.forget_tokens()
    begin = NOW - NOW % native.RENEW_SECONDS
    first = native.bearer(KEYS, "us-east-1", begin)
    assert native.bearer(KEYS, "us-east-1", begin + 299.9) is first
    others = {
        native.bearer(KEYS, "us-east-1", begin + 300),
        native.bearer(KEYS, "us-west-2", begin),
        native.bearer(SESSION, "us-east-1", begin),
    }
    assert len(others | {first}) == 4


@pytest.mark.parametrize(
    ("component", "path"),
    [
        (None, "/p/endpoints/ep/openai/v1/chat/completions"),
        ("copy-1", "/p/endpoints/ep/inference-components/copy-1/openai/v1/chat/completions"),
    ],
)
@pytest.mark.parametrize(("stream", "accept"), [(True, "text/event-stream"), (False, "application/json")])
def test_an_attempt_names_the_component_in_its_path_alone(
    component: str | None, path: str, stream: bool, accept: str
) -> None:
    """No x-amz and no x-amzn header: the route refuses the component's, and a bearer needs no date."""
    target = Target(
        "t", "ep", ("m",), "us-east-1", host="runtime.example", path_prefix="/p", inference_component=component
    )
    made = native.request(target, 17, stream=stream, credentials=SESSION, now=NOW)
    assert made == {
        ":path": path,
        ":authority": "runtime.example",
        "content-length": "17",
        "content-type": "application/json",
        "accept": accept,
        "authorization": f"Bearer {native.bearer(SESSION, 'us-east-1', NOW)}",
    }


@pytest.mark.parametrize("name", ["a/b", "", "a.b", "-a", "../x"])
def test_names_that_would_leave_their_place_are_refused(name: str) -> None:
    """Endpoint and component stand in the path as they are, so that they must be names."""
    with pytest.raises(InvalidEndpointName):
        native.path(name)
    if name:
        with pytest.raises(InvalidEndpointName):
            native.path("ep", name)


@pytest.mark.parametrize("broken", [Credentials("AK\r\nID", "s"), Credentials("AKID", "s", "töken")])
def test_credentials_that_no_header_can_carry_are_refused_unseen(broken: Credentials) -> None:
    """The error says which kind of value it is, and never the value."""
    with pytest.raises(Unsignable) as caught:
        native.mint(broken, "us-east-1", 0)
    assert "AK" not in str(caught.value)
    assert "ken" not in str(caught.value).replace("token", "")
