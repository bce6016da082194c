"""Every way an exchange can fail: whose fault, which status, and what may be shown. The only status map.

    GatewayError
    ├── CallerError                     the client's request
    │   ├── MalformedRequest      400   invalid_request_error
    │   ├── ContextLengthExceeded 400   invalid_request_error  context_length_exceeded
    │   ├── UnsupportedParameter  400   invalid_request_error  unsupported_parameter
    │   ├── UnknownModel          404   invalid_request_error  model_not_found
    │   ├── UnknownUrl            404   invalid_request_error  unknown_url
    │   ├── MethodNotAllowed      405   invalid_request_error  method_not_allowed
    │   ├── RequestTimedOut       408   invalid_request_error  request_timeout
    │   ├── RequestTooLarge       413   invalid_request_error  request_too_large
    │   └── TooManyHeaders        431   invalid_request_error  request_headers_too_large
    ├── PolicyRefusal             409   policy_violation       input_blocked | output_blocked
    ├── UpstreamError                   SageMaker or the container
    │   ├── UpstreamRejected      4xx   invalid_request_error  the container's own refusal of the caller's request
    │   ├── RateLimited           429   rate_limit_error       rate_limit_exceeded
    │   ├── ModelNotReady         503   server_error           model_not_ready
    │   ├── UpstreamUnavailable   503   server_error           service_unavailable
    │   ├── UpstreamFailed        502   server_error           model_error, ...
    │   └── UpstreamTimeout       504   server_error           timeout
    └── GatewayFault                    ours
        ├── GatewayUnavailable    503   server_error           gateway_unavailable
        └── GatewayMisconfigured  500   server_error           gateway_misconfigured

The message of every one is safe to show: no account id, ARN, URL of AWS's, matched text or secret is ever put there.
What was really said upstream goes into `detail`, which only the audit record carries.
"""

from __future__ import annotations

from typing import ClassVar


class GatewayError(Exception):
    """An exchange that ends in an error body.

    Args:
        message: shown to the client; names the fault and what to do.
        param: the request field at fault, in OpenAI's notation (`messages[0].role`).
        code: overrides the class's code.
        status: overrides the class's status.
        detail: for the audit record only.
        retry_after: seconds, 1 to 30, sent as `retry-after`.
        policy: the policy that refused.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str | None] = None
    # None leaves the SDK's own rule (it retries 408, 409, 429 and 5xx) in force.
    should_retry: ClassVar[bool | None] = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int | None = None,
        detail: str = "",
        retry_after: int | None = None,
        policy: str | None = None,
    ) -> None:
        if type(self) in (GatewayError, CallerError, UpstreamError, GatewayFault):
            raise TypeError(f"raise one of the kinds of {type(self).__name__}, which say what happened")
        super().__init__(message)
        self.message = message
        self.param = param
        self.http_status = self.status if status is None else status
        self.openai_code = self.code if code is None else code
        self.detail = detail
        self.retry_after = None if retry_after is None else min(max(retry_after, 1), 30)
        self.policy = policy


class CallerError(GatewayError):
    """The client's request cannot be served as it is."""

    status = 400
    type = "invalid_request_error"


class MalformedRequest(CallerError):
    """Not JSON, not an object, a field missing or of the wrong type."""


class ContextLengthExceeded(CallerError):
    """The prompt, with the answer asked for, does not fit the target's context."""

    code = "context_length_exceeded"


class UnsupportedParameter(CallerError):
    """A parameter that the target's container cannot express."""

    code = "unsupported_parameter"


class UnknownModel(CallerError):
    """No target serves that model."""

    status = 404
    code = "model_not_found"


class UnknownUrl(CallerError):
    """No such path."""

    status = 404
    code = "unknown_url"


class MethodNotAllowed(CallerError):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"


class RequestTimedOut(CallerError):
    """The client began a request and did not send it to its end."""

    status = 408
    code = "request_timeout"


class RequestTooLarge(CallerError):
    """The body is over `size_limits.max_body_bytes` or over what SageMaker takes."""

    status = 413
    code = "request_too_large"


class TooManyHeaders(CallerError):
    """The request has more headers than can be handled."""

    status = 431
    code = "request_headers_too_large"


class PolicyRefusal(GatewayError):
    """A policy refused the request or the answer."""

    status = 409
    type = "policy_violation"
    # SDKs retry a 409 otherwise; the verdict would be the same.
    should_retry = False


class UpstreamError(GatewayError):
    """SageMaker or the container failed."""


class UpstreamRejected(UpstreamError):
    """The container refused the caller's request (its own 4xx)."""

    status = 400
    type = "invalid_request_error"


class RateLimited(UpstreamError):
    """Throttled by SageMaker, or the container's queue is full."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class ModelNotReady(UpstreamError):
    """The model is loading, or scaled to zero."""

    status = 503
    code = "model_not_ready"


class UpstreamUnavailable(UpstreamError):
    """SageMaker cannot be reached, or says that it is unavailable."""

    status = 503
    code = "service_unavailable"


class UpstreamFailed(UpstreamError):
    """The container or SageMaker broke."""

    status = 502
    code = "model_error"


class UpstreamTimeout(UpstreamError):
    """No complete answer within the time allowed."""

    status = 504
    code = "timeout"
    # The container goes on computing an answer that nobody waits for: SDKs' two retries would triple its load.
    should_retry = False


class GatewayFault(GatewayError):
    """Ours: nothing the client can change."""


class GatewayUnavailable(GatewayFault):
    """A policy failed, the audit trail cannot be written, or there are no credentials."""

    status = 503
    code = "gateway_unavailable"


class GatewayMisconfigured(GatewayFault):
    """The configuration or our own request to SageMaker is wrong: it would fail everywhere."""

    status = 500
    code = "gateway_misconfigured"
    should_retry = False
