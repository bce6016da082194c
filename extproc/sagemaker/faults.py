"""From what SageMaker, its container or Envoy answered to the one error the client gets.

Asked in this order: Envoy's own reply (RESPONSE_CODE_DETAILS), AWS's error type (header, else body), what the
container said (424), the bare status.

AWS's statuses mean little: throttling is a 400, every refusal or failure of a container is a 424, and a 403 is about
our credentials, never the client's. So no status of theirs is passed on, and none of their text either: it names
accounts, endpoints and consoles. The client reads our words, or a container's validation message after `sanitise`;
all that was really said goes into `detail`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from extproc.errors import (
    GatewayError,
    GatewayMisconfigured,
    GatewayUnavailable,
    ModelNotReady,
    RateLimited,
    RequestTimedOut,
    RequestTooLarge,
    UnknownModel,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from extproc.sagemaker import container_error
from extproc.sagemaker.container_error import FAILED, OVERLOADED, TIMED_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNAVAILABLE = "The model cannot be reached at the moment. Try again shortly."
LOADING = "The model is being loaded. Try again shortly."
SCALED_TO_ZERO = "The model has no running copy at the moment; this request asks for one. Try again in a minute."
TOO_LARGE = "The request is larger than the endpoint takes. Shorten it."
OUR_SETUP = "The gateway's access to this model is set up wrongly. Its operator must correct it; retrying cannot help."
OUR_CREDENTIALS = "The gateway could not authenticate itself to the model's endpoint. Try again; else ask the operator."
BROKEN_OFF = "The model's answer broke off. What was received so far is incomplete; send the request again."
# Of what was said, this much is kept for the record.
DETAIL_BYTES = 4096


class Frame(Protocol):
    """What is read of an event-stream message."""

    @property
    def headers(self) -> Mapping[str, Any]:
        """By name, `:message-type` among them."""

    @property
    def payload(self) -> bytes:
        """JSON when the message is an exception."""


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    details: str = "",
    hide: tuple[str, ...] = (),
    only_target: bool = False,
) -> GatewayError:
    """The error that a failed attempt becomes.

    Args:
        status: of the final answer.
        headers: lower-case names.
        body: whole, as it came.
        details: Envoy's RESPONSE_CODE_DETAILS.
        hide: names that no client may see (the endpoint's).
        only_target: whether no other target serves the model: a missing endpoint is then a missing model.
    """
    said = _parsed(body)
    kind = error_type(headers, said)
    detail = f"{status} {kind} {details} {body[:DETAIL_BYTES].decode('utf-8', 'replace')}".strip()
    if details and details != "via_upstream":
        local = _local_reply(status, details, detail)
        if local is not None:
            return local
    if status == 424 or kind in _MODEL_ERRORS:
        return _model_error(said, detail, hide, status)
    if kind in _VALIDATION or (status == 400 and not kind):
        return _validation(said, detail, only_target)
    by_type = _BY_TYPE.get(kind)
    if by_type is not None:
        return by_type(_message(said), detail, headers)
    return _by_status(status, detail, headers)


def error_type(headers: Mapping[str, str], said: Mapping[str, Any]) -> str:
    """AWS's name of an error: the header's, without the namespace after ":" or before "#"; else the body's; else ""."""
    names = (headers.get("x-amzn-errortype"), *(said.get(key) for key in ("ErrorCode", "code", "Code", "__type")))
    name = next((name for name in names if isinstance(name, str) and name), "")
    return name.partition(":")[0].rpartition("#")[2].strip()


def from_frame(frame: Frame) -> GatewayError | None:
    """The error that a message of an event stream carries; None for an ordinary event."""
    headers = frame.headers
    message_type = headers.get(":message-type", "event")
    if message_type not in ("exception", "error"):
        return None
    said = _parsed(frame.payload)
    kind = str(headers.get(":exception-type") or headers.get(":error-code") or "")
    reason = str(said.get("ErrorCode") or "")
    told = frame.payload[:DETAIL_BYTES].decode("utf-8", "replace") or str(headers.get(":error-message", ""))
    detail = f"{message_type} {kind} {reason} {told}".strip()
    if kind in _THROTTLED:
        return RateLimited(OVERLOADED, detail=detail, retry_after=2)
    if reason == "ModelInvocationTimeExceeded":
        return UpstreamTimeout(TIMED_OUT, code=_STREAM_CODE, detail=detail)
    return broken_off(detail)


_STREAM_CODE = "model_stream_error"


def from_answer(document: Mapping[str, Any], *, streamed: bool) -> GatewayError | None:
    """The error that a container's answer, or a chunk of it, is though its status was 200; None when it is none."""
    error = document.get("error")
    if document.get("object") == "error":
        error = document
    elif not error:
        return None
    said = container_error.from_document({**document, "error": error} if isinstance(error, str) else error)
    fault = container_error.judge(said, said.status, detail=f"200, then {_shown(error)}")
    if streamed and isinstance(fault, UpstreamFailed):
        return broken_off(fault.detail)
    return fault


def broken_off(detail: str) -> UpstreamFailed:
    """The error for an answer that cannot be used to its end: truncated, garbled, or failed in mid-stream."""
    return UpstreamFailed(BROKEN_OFF, code=_STREAM_CODE, detail=detail)


def unanswered(error: GatewayError) -> GatewayError:
    """The same for a client that has got nothing of the answer: there is nothing incomplete to speak of."""
    return UpstreamFailed(FAILED, code=_STREAM_CODE, detail=error.detail) if error.message == BROKEN_OFF else error


# Envoy's names: envoy/stream_info/stream_info.h, ResponseCodeDetailValues. Some are followed by "{reason}".
_TIMEOUTS = (
    "response_timeout",
    "upstream_response_timeout",
    "upstream_per_try_timeout",
    "upstream_per_try_idle_timeout",
    "upstream_max_stream_duration_reached",
    "max_duration_timeout",
)
_UPLOADS = ("request_overall_timeout", "request_header_timeout", "downstream_header_timeout")
_GATEWAY = (
    "cluster_not_found",
    "route_not_found",
    "route_configuration_not_found",
    "overload",
    "drop_overload",
    "unconditional_drop_overload",
    "ext_proc_error",
)


def _local_reply(status: int, details: str, detail: str) -> GatewayError | None:
    name = details.partition("{")[0]
    # The idle timer runs both ways: Envoy answers 408 while the request is still being sent.
    if name in _UPLOADS or (name == "stream_idle_timeout" and status == 408):
        return RequestTimedOut("The request did not arrive in time. Send it again.", detail=detail)
    if name in _TIMEOUTS or name == "stream_idle_timeout":
        return UpstreamTimeout(TIMED_OUT, detail=detail)
    if name in ("upstream_reset_before_response_started", "no_healthy_upstream", "maintenance_mode"):
        return UpstreamUnavailable(UNAVAILABLE, detail=detail, retry_after=1)
    if name == "request_payload_too_large":
        return RequestTooLarge("The request body is larger than this gateway takes.", detail=detail)
    if name in ("response_payload_too_large", "upstream_reset_after_response_started"):
        return UpstreamFailed("The model's answer could not be received whole. Try again.", detail=detail)
    if name.startswith(_GATEWAY):
        # A configuration that is being replaced, or a worker that went away: the next request finds another.
        return GatewayUnavailable("The gateway could not handle the request. Try again.", detail=detail, retry_after=1)
    return None


# "Received client error (400) from primary with message "…". See https://… in account … for more information."
_QUOTED = re.compile(r'Received (?:client|server) error \((\d+)\)(?:.*? with message "(.*)")?', re.DOTALL)


# The second is the OpenAI route's, which has the container's own status.
_MODEL_ERRORS = frozenset({"ModelError", "model_error"})


def _model_error(said: Mapping[str, Any], detail: str, hide: tuple[str, ...], status: int) -> GatewayError:
    original, quoted = said.get("OriginalStatusCode"), said.get("OriginalMessage")
    wrapped = _QUOTED.search(_message(said))
    if not isinstance(original, int):
        original = int(wrapped[1]) if wrapped else (-1 if status == 424 else status)
    if not isinstance(quoted, str):
        quoted = wrapped[2] if wrapped and wrapped[2] else ""
    if original == 0:
        # The platform's own limit; the container keeps computing, so that another attempt would double its load.
        return UpstreamTimeout(TIMED_OUT, detail=detail)
    return container_error.judge(container_error.read(quoted), original, detail=detail, hide=hide)


_NO_SUCH_ENDPOINT, _COMPONENT_MISSING = "NO_SUCH_ENDPOINT", "INFERENCE_COMPONENT_NAME_MISSING"
_VALIDATION = frozenset(
    {"ValidationError", "ValidationException", "validation_error", _NO_SUCH_ENDPOINT, _COMPONENT_MISSING}
)
_NO_ENDPOINT = re.compile(r"\bendpoint \S+ of account \d+ not found", re.IGNORECASE)
_NO_CAPACITY = re.compile(r"has no capacity to process this request", re.IGNORECASE)
_OUR_HEADERS = re.compile(
    r"inference component name header is required|header is not allowed"
    r"|Value .*at '(?:endpointName|contentType|accept|customAttributes|target\w+|inference\w+|sessionId)'",
    re.IGNORECASE | re.DOTALL,
)
_TOO_LONG = re.compile(r"at 'body' failed to satisfy constraint|payload.{0,40}(?:too large|exceed)", re.IGNORECASE)


def _validation(said: Mapping[str, Any], detail: str, only_target: bool) -> GatewayError:
    message, code = _message(said), said.get("ErrorCode")
    if "message" in said and said["message"] is None:
        # Throttling whose header got lost on the way: no other error is without a word.
        return RateLimited(OVERLOADED, detail=detail, retry_after=2)
    if _NO_CAPACITY.search(message):
        # The refused request is itself what scales an endpoint up from zero.
        return ModelNotReady(SCALED_TO_ZERO, detail=detail, retry_after=30)
    if code == _NO_SUCH_ENDPOINT or _NO_ENDPOINT.search(message):
        if only_target:
            return UnknownModel("The model's endpoint does not exist. Ask the operator.", param="model", detail=detail)
        return UpstreamUnavailable(UNAVAILABLE, detail=detail, retry_after=5)
    if code == _COMPONENT_MISSING or _OUR_HEADERS.search(message):
        return GatewayMisconfigured(OUR_SETUP, code="upstream_config", detail=detail)
    if _TOO_LONG.search(message):
        return RequestTooLarge(TOO_LARGE, detail=detail)
    return UpstreamRejected("The model's endpoint refused the request as invalid.", detail=detail)


def _throttled(_: str, detail: str, headers: Mapping[str, str]) -> GatewayError:
    return RateLimited(OVERLOADED, detail=detail, retry_after=_retry_after(headers, 2))


def _not_ready(_: str, detail: str, headers: Mapping[str, str]) -> GatewayError:
    return ModelNotReady(LOADING, detail=detail, retry_after=_retry_after(headers, 5))


def _unavailable(_: str, detail: str, headers: Mapping[str, str]) -> GatewayError:
    return UpstreamUnavailable(UNAVAILABLE, detail=detail, retry_after=_retry_after(headers, 1))


def _broken(_: str, detail: str, __: Mapping[str, str]) -> GatewayError:
    return UpstreamFailed(FAILED, detail=detail)


def _too_large(_: str, detail: str, __: Mapping[str, str]) -> GatewayError:
    return RequestTooLarge(TOO_LARGE, detail=detail)


def _unauthenticated(_: str, detail: str, __: Mapping[str, str]) -> GatewayError:
    return GatewayUnavailable(OUR_CREDENTIALS, code="upstream_auth", detail=detail)


def _bad_signature(message: str, detail: str, headers: Mapping[str, str]) -> GatewayError:
    if re.search(r"expired|not yet current", message, re.IGNORECASE):
        # Our clock; it may be right again for the next request.
        return _unauthenticated(message, detail, headers)
    return GatewayMisconfigured(OUR_SETUP, detail=detail)


def _misconfigured(_: str, detail: str, __: Mapping[str, str]) -> GatewayError:
    return GatewayMisconfigured(OUR_SETUP, detail=detail)


_THROTTLED = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"})
# AWS's "Common Errors" and the errors of InvokeEndpoint; names come with and without "Exception".
_BY_TYPE: Mapping[str, Callable[[str, str, Mapping[str, str]], GatewayError]] = {
    **dict.fromkeys(_THROTTLED, _throttled),
    **dict.fromkeys(("ModelNotReadyException", "ModelNotReady"), _not_ready),
    **dict.fromkeys(("ServiceUnavailable", "ServiceUnavailableException", "RequestTimeoutException"), _unavailable),
    **dict.fromkeys(("InternalFailure", "InternalDependencyException", "UnknownOperationException"), _broken),
    **dict.fromkeys(("RequestEntityTooLargeException", "RequestEntityTooLarge", "EntityTooLarge"), _too_large),
    **dict.fromkeys(
        (
            *("ExpiredTokenException", "ExpiredToken", "RequestExpired"),
            *("UnrecognizedClientException", "UnrecognizedClient", "InvalidClientTokenId"),
            *("AccessDeniedException", "AccessDenied", "NotAuthorized", "OptInRequired"),
        ),
        _unauthenticated,
    ),
    **dict.fromkeys(("InvalidSignatureException", "SignatureDoesNotMatch"), _bad_signature),
    **dict.fromkeys(
        (
            *("IncompleteSignatureException", "IncompleteSignature"),
            *("MissingAuthenticationTokenException", "MissingAuthenticationToken"),
        ),
        _misconfigured,
    ),
}
_BY_STATUS: Mapping[int, Callable[[str, str, Mapping[str, str]], GatewayError]] = {
    401: _unauthenticated,
    403: _unauthenticated,
    408: _unavailable,
    413: _too_large,
    429: _throttled,
    503: _unavailable,
}


def _by_status(status: int, detail: str, headers: Mapping[str, str]) -> GatewayError:
    if status == 504:
        return UpstreamTimeout(TIMED_OUT, detail=detail)
    return _BY_STATUS.get(status, _broken)("", detail, headers)


def _retry_after(headers: Mapping[str, str], default: int) -> int:
    # x-amz-retry-after is in milliseconds, retry-after in seconds (or a date, which is not read).
    for name, per_second in (("x-amz-retry-after", 1000), ("retry-after", 1)):
        value = headers.get(name, "")
        if value.isascii() and value.isdigit():
            return -(-int(value[:9]) // per_second)
    return default


def _message(said: Mapping[str, Any]) -> str:
    return str(said.get("Message") or said.get("message") or "")


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(said, dict):
        return {}
    # The OpenAI route of SageMaker's front door wraps the same texts.
    inner = said.get("error")
    return inner if isinstance(inner, dict) else said


def _shown(error: object) -> str:
    return (error if isinstance(error, str) else orjson.dumps(error).decode())[:DETAIL_BYTES]
