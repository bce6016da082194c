"""Does this bearer token of SageMaker's OpenAI path hold? A presigned query in base64, checked from its own bytes.

Shares no code with extproc/sagemaker/native.py, so that both check each other. What AWS's front end says to a token
that does not hold is not published; statuses and words here are guesses in the shape of its other errors.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from calendar import timegm
from time import strptime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from extproc.emulator import refusals
from extproc.emulator.refusals import Refusal, Refused
from extproc.emulator.verify import SERVICE, SKEW_SECONDS, derive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.emulator.received import Received
    from extproc.routing.targets import Credentials

PREFIX = "sagemaker-api-key-"
HOST = "sagemaker.amazonaws.com"
MAX_LIFETIME = 43_200

_EMPTY = hashlib.sha256(b"").hexdigest()
_NEEDED = (
    "Action",
    "Version",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
)


def verify(request: Received, keys: Mapping[str, Credentials], region: str, now: float) -> None:
    """Check the token of a request against the known keys; `now` is Unix seconds.

    Raises:
        Refused: for the first thing that is wrong.
    """
    scheme, _, token = (request.header(b"authorization") or b"").decode("latin-1").partition(" ")
    if scheme != "Bearer":
        # Plain SigV4 was answered 403 there.
        raise Refused(_refused("Bearer token is missing.", status=403))
    given = _read(token)
    _check_claims(given, now)
    access_key, day, scope_region, service, terminator = given["X-Amz-Credential"].split("/")
    if (scope_region, service, terminator, day) != (region, SERVICE, "aws4_request", given["X-Amz-Date"][:8]):
        raise Refused(_refused("The credential scope of the token does not fit."))
    credentials = keys.get(access_key)
    if credentials is None or given.get("X-Amz-Security-Token", "") != (credentials.token or ""):
        raise Refused(_refused("The token's credentials are not known."))
    key = derive(credentials.secret_key, day, scope_region, service)
    if not hmac.compare_digest(_signature(given, key), given["X-Amz-Signature"]):
        raise Refused(_refused("The token's signature does not match."))


def _read(token: str) -> dict[str, str]:
    try:
        url = base64.b64decode(token.removeprefix(PREFIX), validate=True).decode()
        host, _, query = url.partition("/?")
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except (binascii.Error, ValueError) as fault:
        raise Refused(_refused("The token cannot be read.")) from fault
    given = dict(pairs)
    if not token.startswith(PREFIX) or host != HOST or len(given) != len(pairs):
        raise Refused(_refused("The token cannot be read."))
    if not set(_NEEDED) <= set(given) or given["X-Amz-Credential"].count("/") != 4:
        raise Refused(_refused("The token lacks a part."))
    return given


def _check_claims(given: Mapping[str, str], now: float) -> None:
    fixed = {"Action": "CallWithBearerToken", "Version": "1", "X-Amz-SignedHeaders": "host"}
    if any(given[name] != value for name, value in fixed.items()) or given["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256":
        raise Refused(_refused("The token is of another kind."))
    try:
        signed = timegm(strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))
        lifetime = int(given["X-Amz-Expires"])
    except ValueError as fault:
        raise Refused(_refused("The token has no time.")) from fault
    if not 1 <= lifetime <= MAX_LIFETIME:
        raise Refused(_refused("The token's lifetime is out of range."))
    if not signed - SKEW_SECONDS <= now < signed + lifetime:
        raise Refused(_refused("The token has expired or is not yet valid."))


def _signature(given: Mapping[str, str], key: bytes) -> str:
    signed = sorted((name, value) for name, value in given.items() if name not in ("X-Amz-Signature", "Version"))
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in signed)
    canonical = f"POST\n/\n{query}\nhost:{HOST}\n\nhost\n{_EMPTY}"
    _, _, scope = given["X-Amz-Credential"].partition("/")
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{given['X-Amz-Date']}\n{scope}\n{digest}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def _refused(message: str, *, status: int = 401) -> Refusal:
    return refusals.front_end(status, "InvalidBearerToken", f"{message} Account {refusals.ACCOUNT}.")
