"""What a request's head alone rules out, before its body is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.errors import GatewayUnavailable, MalformedRequest, RequestTooLarge, TooManyHeaders

if TYPE_CHECKING:
    from extproc.config.runtime import Limits, Runtime
    from extproc.events import RequestHeaders

# Envoy's own limit (max_headers_count) is 100, and it fails the exchange when what we add goes over it.
MAX_HEADERS = 95


def admit(head: RequestHeaders, runtime: Runtime, *, audit_failed: bool) -> None:
    """Refuse what cannot be served whatever its body says.

    Raises:
        GatewayError: why not.
    """
    if audit_failed and not runtime.fail_open:
        raise audit_unavailable()
    if not runtime.pack.enabled:
        raise GatewayUnavailable("This gateway is switched off by its configuration (pack.enabled is false).")
    if head.headers.get("content-encoding", "identity").lower() != "identity":
        raise MalformedRequest("Compressed request bodies are not accepted; send the body without Content-Encoding.")
    if head.count > MAX_HEADERS:
        raise TooManyHeaders(f"The request has {head.count} headers, but at most {MAX_HEADERS} can be handled.")
    length = head.headers.get("content-length", "")
    if length.isdecimal() and int(length) > runtime.limits.max_body_bytes:
        raise too_large(runtime.limits)
    if head.end_of_stream:
        raise MalformedRequest("The request has no body; send a JSON object.")


def too_large(limits: Limits) -> RequestTooLarge:
    """The refusal of a body over the gateway's own limit."""
    return RequestTooLarge(
        f"The request body is larger than {limits.max_body_bytes} bytes, the most this gateway takes."
    )


def audit_unavailable() -> GatewayUnavailable:
    """The refusal while the audit trail cannot be written."""
    return GatewayUnavailable(
        "The gateway cannot write its audit trail, so it takes no requests. Ask the operator.",
        detail="audit not writable",
        retry_after=5,
    )
