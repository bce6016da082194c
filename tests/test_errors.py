"""The error tree: each leaf's status, type and code, and what its docstring draws."""

from __future__ import annotations

import pytest

from extproc import errors
from extproc.errors import GatewayError

LEAVES = {
    errors.MalformedRequest: (400, "invalid_request_error", None, None),
    errors.ContextLengthExceeded: (400, "invalid_request_error", "context_length_exceeded", None),
    errors.UnsupportedParameter: (400, "invalid_request_error", "unsupported_parameter", None),
    errors.UnknownModel: (404, "invalid_request_error", "model_not_found", None),
    errors.UnknownUrl: (404, "invalid_request_error", "unknown_url", None),
    errors.MethodNotAllowed: (405, "invalid_request_error", "method_not_allowed", None),
    errors.RequestTimedOut: (408, "invalid_request_error", "request_timeout", None),
    errors.RequestTooLarge: (413, "invalid_request_error", "request_too_large", None),
    errors.TooManyHeaders: (431, "invalid_request_error", "request_headers_too_large", None),
    errors.PolicyRefusal: (409, "policy_violation", None, False),
    errors.UpstreamRejected: (400, "invalid_request_error", None, None),
    errors.RateLimited: (429, "rate_limit_error", "rate_limit_exceeded", None),
    errors.ModelNotReady: (503, "server_error", "model_not_ready", None),
    errors.UpstreamUnavailable: (503, "server_error", "service_unavailable", None),
    errors.UpstreamFailed: (502, "server_error", "model_error", None),
    errors.UpstreamTimeout: (504, "server_error", "timeout", False),
    errors.GatewayUnavailable: (503, "server_error", "gateway_unavailable", None),
    errors.GatewayMisconfigured: (500, "server_error", "gateway_misconfigured", False),
}
BRANCHES = (GatewayError, errors.CallerError, errors.UpstreamError, errors.GatewayFault)


def every_kind(root: type[GatewayError]) -> set[type[GatewayError]]:
    """A class and all below it."""
    return {root}.union(*(every_kind(kind) for kind in root.__subclasses__()))


@pytest.mark.parametrize("kind", LEAVES)
def test_each_kind_is_what_clients_were_promised(kind: type[GatewayError]) -> None:
    """Status, type, code and whether SDKs may retry, kind by kind."""
    error = kind("No.")
    assert (error.http_status, error.type, error.openai_code, error.should_retry) == LEAVES[kind]
    assert (str(error), error.message, error.param, error.detail, error.policy) == ("No.", "No.", None, "", None)


def test_no_kind_is_untested() -> None:
    """A new kind needs its row here."""
    assert every_kind(GatewayError) == {*LEAVES, *BRANCHES}


@pytest.mark.parametrize("kind", BRANCHES)
def test_a_branch_says_too_little_to_be_raised(kind: type[GatewayError]) -> None:
    """Only a leaf says what happened."""
    with pytest.raises(TypeError, match="raise one of the kinds"):
        kind("No.")


@pytest.mark.parametrize("kind", LEAVES)
def test_the_drawing_shows_every_kind(kind: type[GatewayError]) -> None:
    """The tree in the module's docstring has each leaf with its status, type and code."""
    status, type_, code, _ = LEAVES[kind]
    (line,) = [line for line in (errors.__doc__ or "").splitlines() if f"── {kind.__name__} " in line]
    # A container's refusal keeps its own 4xx.
    assert ("4xx" if kind is errors.UpstreamRejected else str(status)) in line
    assert type_ in line
    assert (code or "") in line


def test_a_single_error_may_say_more() -> None:
    """Code and status of one error may differ from its kind's; the kind's stay."""
    error = errors.UpstreamFailed("No.", code="model_stream_error", status=500, detail="d", param="p", policy="x")
    assert (error.openai_code, error.http_status, error.detail) == ("model_stream_error", 500, "d")
    assert (error.param, error.policy) == ("p", "x")
    assert (errors.UpstreamFailed.code, errors.UpstreamFailed.status) == ("model_error", 502)


@pytest.mark.parametrize(("asked", "sent"), [(None, None), (-5, 1), (0, 1), (1, 1), (30, 30), (31, 30), (3600, 30)])
def test_retry_after_stays_in_bounds(asked: int | None, sent: int | None) -> None:
    """Python's SDK gives up at over 120 seconds, and Node's sleeps as long as it is told."""
    assert errors.RateLimited("Later.", retry_after=asked).retry_after == sent
