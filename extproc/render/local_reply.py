"""Errors that Envoy makes itself, as OpenAI clients expect them."""

from __future__ import annotations

import json

from extproc.render.extension import Document, extension
from extproc.render.filter_state import REQUEST_ID

# Envoy's RESPONSE_CODE_DETAILS of an answer that a worker made: its ImmediateResponse.details.
WORKERS_OWN = "kt"

# (CEL over the local reply, status, message, type, code); the first that matches is used.
# Nothing here repeats Envoy's own text: it names hosts and flags.
REPLIES: tuple[tuple[str, int | None, str, str, str | None], ...] = (
    (
        "response.code_details.startsWith('ext_proc')",
        503,
        "The gateway cannot judge requests at the moment. Try again shortly.",
        "server_error",
        "gateway_unavailable",
    ),
    (
        "response.code_details == 'response_payload_too_large'",
        502,
        "The model's answer is larger than this gateway passes on.",
        "server_error",
        "model_error",
    ),
    (
        # Of an answer whose head has come: a target's max_stream_duration, for which Envoy's own status is 408.
        "response.code_details == 'upstream_max_stream_duration_reached'",
        504,
        "The model did not answer in the time allowed.",
        "server_error",
        "timeout",
    ),
    (
        "response.code == 413",
        None,
        "The request body is larger than this gateway accepts.",
        "invalid_request_error",
        "request_too_large",
    ),
    (
        "response.code == 431",
        None,
        "The request headers are larger than this gateway accepts.",
        "invalid_request_error",
        "request_headers_too_large",
    ),
    (
        "response.code == 408",
        None,
        "The request did not arrive in the time allowed. Send it again.",
        "invalid_request_error",
        "request_timeout",
    ),
    (
        "response.code == 504",
        None,
        "The model did not answer in the time allowed.",
        "server_error",
        "timeout",
    ),
    (
        "response.code >= 500",
        None,
        "The gateway or the model behind it is not available. Try again shortly.",
        "server_error",
        "service_unavailable",
    ),
    (
        "response.code >= 400",
        None,
        "The request is not valid HTTP for this gateway.",
        "invalid_request_error",
        None,
    ),
)


def local_replies() -> Document:
    """envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig."""
    return {"mappers": [_mapper(*reply) for reply in REPLIES]}


def when(expression: str) -> Document:
    """envoy.config.accesslog.v3.AccessLogFilter by a CEL expression."""
    return {
        "extension_filter": extension(
            "envoy.access_loggers.extension_filters.cel",
            "extensions.access_loggers.filters.cel.v3.ExpressionFilter",
            {"expression": expression},
        )
    }


# The exchange's own id, under which it was audited; one made up for what was refused before there was a request.
# Set here because the reply to an answer that broke off skips the listener's filters.
# The second takes the first one's place, unless it is empty. (%COALESCE()% is new in 1.37.)
_IDS = ("%UNIQUE_ID%", f"%FILTER_STATE({REQUEST_ID}:PLAIN)%")


def _mapper(expression: str, status: int | None, message: str, kind: str, code: str | None) -> Document:
    body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})
    mapper: Document = {
        "headers_to_add": [
            {"header": {"key": "x-request-id", "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for value in _IDS
        ],
        "filter": when(f"!response.code_details.startsWith('{WORKERS_OWN}') && {expression}"),
        "body_format_override": {
            "text_format_source": {"inline_string": body},
            "content_type": "application/json",
        },
    }
    return mapper if status is None else {**mapper, "status_code": status}
