"""What one attempt sends: the path of an endpoint's operation, the host of a region, and the signed headers.

Operations: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html and
API_runtime_InvokeEndpointWithResponseStream.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.sagemaker import addressing, eula
from extproc.sagemaker.sigv4 import Prepared, prepare

if TYPE_CHECKING:
    from extproc.routing.targets import Credentials, Target

CONTENT_TYPE = "application/json"
ACCEPT = "application/json"

# EndpointName of the service model; such a name needs no percent-encoding in a path.
_ENDPOINT_NAME = re.compile(r"[a-zA-Z0-9](?:-*[a-zA-Z0-9])*")
_MAX_ENDPOINT_NAME = 63

# The first three are what HTTP itself makes of a request (the host is signed under its own name); a decompressor or
# another filter on the way may rewrite Accept.
_UNSIGNED = frozenset({":path", ":authority", "content-length", "accept"})

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

# The headers of a request, and its signature as far as that goes without a body.
_Outline = tuple[Mapping[str, str], Prepared]
# The last one of each target, whole and streamed, with what it is of. A target is asked hundreds of times in a second.
_plain: dict[tuple[str, bool], tuple[Target, Credentials, int, _Outline]] = {}
# Of targets that a configuration no longer has, some may stay.
_MOST_KEPT = 512


class InvalidEndpointName(ValueError):
    """A name that no SageMaker endpoint can have."""


def check_endpoint_name(name: str) -> str:
    """Return the name.

    Raises:
        InvalidEndpointName: not 1 to 63 letters, digits and inner hyphens.
    """
    if len(name) > _MAX_ENDPOINT_NAME or not _ENDPOINT_NAME.fullmatch(name):
        raise InvalidEndpointName(
            f"{name[:80]!r} is not an endpoint name: 1 to {_MAX_ENDPOINT_NAME} letters, digits and hyphens, "
            "a letter or a digit at both ends"
        )
    return name


def endpoint_path(endpoint: str, *, stream: bool) -> str:
    """Return the path of InvokeEndpoint, or of InvokeEndpointWithResponseStream.

    Raises:
        InvalidEndpointName: see check_endpoint_name().
    """
    operation = "invocations-response-stream" if stream else "invocations"
    return f"/endpoints/{check_endpoint_name(endpoint)}/{operation}"


def signed_request(
    target: Target,
    body_length: int,
    payload_hash: str,
    *,
    stream: bool,
    credentials: Credentials,
    now: float,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> dict[str, str]:
    """Return every header, pseudo-headers included, that an attempt at this target must set.

    Args:
        target: whose endpoint, region, authority and headers are signed.
        body_length: bytes of the body.
        payload_hash: sigv4.payload_hash() of the body.
        stream: InvokeEndpointWithResponseStream rather than InvokeEndpoint.
        credentials: who signs.
        now: Unix seconds.
        headers: further ones of this request, lower case, to be sent and signed.

    Raises:
        InvalidEndpointName: the target's endpoint.
        Unsignable: a header or the credentials have characters that a header cannot carry.
    """
    if headers:
        request, prepared = _outline(target, stream, credentials, now, headers)
    else:
        request, prepared = _plain_outline(target, stream, credentials, int(now))
    return {
        **request,
        "content-length": str(body_length),
        "authorization": prepared.authorization(payload_hash),
    }


def forget_requests() -> None:
    """Drop every outline of a request, and the credentials it was made for."""
    _plain.clear()


def _plain_outline(target: Target, stream: bool, credentials: Credentials, second: int) -> _Outline:
    """Of a request without a header of its own, as nearly all are: kept for the second that it is for."""
    kept = _plain.get((target.id, stream))
    if kept is not None and kept[0] is target and kept[1] is credentials and kept[2] == second:
        return kept[3]
    outline = _outline(target, stream, credentials, second, _NO_HEADERS)
    if len(_plain) >= _MOST_KEPT:
        _plain.clear()
    _plain[target.id, stream] = target, credentials, second, outline
    return outline


def _outline(
    target: Target, stream: bool, credentials: Credentials, now: float, headers: Mapping[str, str]
) -> _Outline:
    """All of a request but what depends on its body, which is empty; and its signature, as far as that goes."""
    request = {
        ":path": target.path_prefix + endpoint_path(target.endpoint, stream=stream),
        ":authority": target.authority,
        "content-length": "",
        "content-type": CONTENT_TYPE,
        **eula.accepted(target, addressing.fixed(target)),
        **headers,
        ("x-amzn-sagemaker-accept" if stream else "accept"): ACCEPT,
    }
    prepared = _prepared(target, request, credentials, now)
    return {**request, **prepared.headers, "authorization": ""}, prepared


def signature(
    target: Target, request: Mapping[str, str], payload_hash: str, *, credentials: Credentials, now: float
) -> dict[str, str]:
    """Return the headers that sign a request: authorization, x-amz-date and, for some, x-amz-security-token.

    Args:
        target: whose region is signed for.
        request: its other headers, pseudo-headers included.
        payload_hash: sigv4.payload_hash() of the body.
        credentials: who signs.
        now: Unix seconds.

    Raises:
        Unsignable: a header or the credentials have characters that a header cannot carry.
    """
    prepared = _prepared(target, request, credentials, now)
    return {**prepared.headers, "authorization": prepared.authorization(payload_hash)}


def _prepared(target: Target, request: Mapping[str, str], credentials: Credentials, now: float) -> Prepared:
    return prepare(
        method="POST",
        path=request[":path"],
        host=request[":authority"],
        # Every x-amzn-sagemaker-* header is among them: what SageMaker acts on is signed.
        headers={name: value for name, value in request.items() if name not in _UNSIGNED},
        region=target.region,
        credentials=credentials,
        now=now,
    )
