"""SageMaker's own OpenAI path: POST /endpoints/{name}[/inference-components/{name}]/openai/v1/chat/completions.

It takes a bearer token instead of a signature: a presigned query, signed with AWS credentials, in base64. No call to
AWS is needed to make one. What comes back is the container's answer, without event-stream framing.
https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from extproc.sagemaker.invoke import CONTENT_TYPE, check_endpoint_name
from extproc.sagemaker.sigv4 import ALGORITHM, Unsignable, signing_key, stamp_of, string_to_sign

if TYPE_CHECKING:
    from extproc.routing.targets import Credentials, Target

PREFIX = "sagemaker-api-key-"
# The same name in every region: the region is in the token's scope.
HOST = "sagemaker.amazonaws.com"
# How long a token is good for; AWS takes up to twelve hours and advises short ones.
LIFETIME_SECONDS = 900
# A token is used so long and then renewed: always ten minutes before its end.
RENEW_SECONDS = 300

_NO_BODY = hashlib.sha256(b"").hexdigest()


def request(target: Target, body_length: int, *, stream: bool, credentials: Credentials, now: float) -> dict[str, str]:
    """Return every header, pseudo-headers included, that an attempt at this target must set.

    Args:
        target: whose endpoint, inference component and authority are sent.
        body_length: bytes of the body.
        stream: whether the body asks for a stream.
        credentials: who signs the token.
        now: Unix seconds.

    Raises:
        InvalidEndpointName: the target's endpoint or inference component.
        Unsignable: the credentials or the region have characters that a token cannot carry.
    """
    return {
        ":path": target.path_prefix + path(target.endpoint, target.inference_component),
        ":authority": target.authority,
        "content-length": str(body_length),
        "content-type": CONTENT_TYPE,
        "accept": "text/event-stream" if stream else "application/json",
        "authorization": authorization(target, credentials, now),
    }


def authorization(target: Target, credentials: Credentials, now: float) -> str:
    """Return the Authorization header: a token is no signature of the request, and fits all in its region.

    Raises:
        Unsignable: see request().
    """
    return f"Bearer {bearer(credentials, target.region, now)}"


def path(endpoint: str, inference_component: str | None = None) -> str:
    """Return the path of the chat operation; here the inference component stands in it, never in a header.

    Raises:
        InvalidEndpointName: either name is none (they have the same form).
    """
    component = f"/inference-components/{check_endpoint_name(inference_component)}" if inference_component else ""
    return f"/endpoints/{check_endpoint_name(endpoint)}{component}/openai/v1/chat/completions"


def bearer(credentials: Credentials, region: str, now: float) -> str:
    """Return the token of these credentials in that region: the same for five minutes, then the next.

    Raises:
        Unsignable: see request().
    """
    return _minted(credentials, region, int(now) // RENEW_SECONDS * RENEW_SECONDS)


def mint(credentials: Credentials, region: str, second: int, lifetime: int = LIFETIME_SECONDS) -> str:
    """Make a token that is good for `lifetime` seconds from `second` (Unix), as long as the credentials are.

    Raises:
        Unsignable: a control or non-ASCII character in the credentials or the region.
    """
    spoken = (credentials.access_key, region, credentials.token or "")
    if not all(text.isascii() and text.isprintable() for text in spoken):
        raise Unsignable("the access key, the session token or the region has a control or non-ASCII character")
    stamp = stamp_of(second)
    scope = f"{stamp[:8]}/{region}/sagemaker/aws4_request"
    parameters = {
        "Action": "CallWithBearerToken",
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(lifetime),
        "X-Amz-SignedHeaders": "host",
    }
    if credentials.token:
        parameters["X-Amz-Security-Token"] = credentials.token
    encoded = {name: quote(value, safe="-_.~") for name, value in parameters.items()}
    canonical = "&".join(f"{name}={encoded[name]}" for name in sorted(encoded))
    asked = f"POST\n/\n{canonical}\nhost:{HOST}\n\nhost\n{_NO_BODY}"
    key = signing_key(credentials.secret_key, stamp[:8], region, "sagemaker")
    signature = hmac.digest(key, string_to_sign(stamp, scope, asked).encode(), "sha256").hex()
    query = "&".join(f"{name}={value}" for name, value in encoded.items())
    # Version is not signed: AWS's own token generator adds it afterwards.
    url = f"{HOST}/?{query}&X-Amz-Signature={signature}&Version=1"
    return PREFIX + base64.b64encode(url.encode()).decode()


def forget_tokens() -> None:
    """Drop every cached token and the credentials it was cached under."""
    _minted.cache_clear()


# One for each identity and region; of what has expired, little is kept.
@lru_cache(maxsize=64)
def _minted(credentials: Credentials, region: str, second: int) -> str:
    return mint(credentials, region, second)
