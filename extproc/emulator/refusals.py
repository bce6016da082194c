"""How AWS says no: one entry per error that SageMaker Runtime or its front end is known to answer with.

The status, `x-amzn-errortype` and the body, whose message key is `message` for the front end and `Message` for
SageMaker. The bodies name accounts, endpoints and consoles as AWS's do, so that a test can show that a gateway passes
none of it on.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

ACCOUNT = "123456789012"
# What services of the same family append to the type; a reader must cut it off.
CORAL = ":http://internal.amazon.com/coral/com.amazon.coral.availability/"

_HTML = (
    b"<html>\r\n<head><title>%(status)b %(reason)b</title></head>\r\n"
    b"<body>\r\n<center><h1>%(status)b %(reason)b</h1></center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer instead of the container's. `error_type` is the header SDKs go by; None where an edge answers."""

    status: int
    error_type: str | None
    body: bytes
    content_type: str = "application/json"
    location: str | None = None


class Refused(Exception):
    """Raised where a request is judged; carries what to answer, and after how many milliseconds."""

    def __init__(self, refusal: Refusal, delay_ms: float = 0.0) -> None:
        super().__init__(refusal.error_type)
        self.refusal = refusal
        self.delay_ms = delay_ms


def front_end(status: int, error_type: str, message: str | None) -> Refusal:
    """Return an error of the layer that authenticates and throttles, before SageMaker sees the request."""
    return Refusal(status, error_type, orjson.dumps({"message": message}))


def service(status: int, error_type: str, message: str, **fields: object) -> Refusal:
    """Return an error of SageMaker's own service model."""
    return Refusal(status, error_type, orjson.dumps({**fields, "Message": message}))


def edge(status: int, reason: str) -> Refusal:
    """Return a load balancer's page: HTML, and no error type."""
    page = _HTML % {b"status": str(status).encode(), b"reason": reason.encode()}
    return Refusal(status, None, page, "text/html")


def no_such_endpoint(endpoint: str) -> Refusal:
    """Return SageMaker's answer for an endpoint it does not know."""
    return service(
        400, "ValidationError", f"Endpoint {endpoint} of account {ACCOUNT} not found.", ErrorCode="NO_SUCH_ENDPOINT"
    )


def model_error(endpoint: str, region: str, original_status: int, original_message: str) -> Refusal:
    """Return the 424 that wraps whatever the container answered; 0 is the platform's own sixty-second limit."""
    logs = f"/aws/sagemaker/Endpoints/{endpoint}"
    console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group={logs}"
    if original_status == 0:
        said = "Your invocation timed out while waiting for a response from container primary."
        message = f'Received server error (0) from primary with message "{said}". See {console} in account {ACCOUNT}.'
        original_message = said
    else:
        whose = "client" if 400 <= original_status < 500 else "server"
        message = (
            f'Received {whose} error ({original_status}) from primary with message "{original_message}". '
            f"See {console} in account {ACCOUNT} for more information."
        )
    return service(
        424,
        "ModelError",
        message,
        ErrorCode="CLIENT_ERROR_FROM_MODEL" if 400 <= original_status < 500 else "INTERNAL_FAILURE_FROM_MODEL",
        LogStreamArn=f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{logs}",
        # The service model bounds it, so a container's JSON may arrive cut.
        OriginalMessage=original_message[:2048],
        OriginalStatusCode=original_status,
    )


MISSING_TOKEN = front_end(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
UNKNOWN_CLIENT = front_end(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
WRONG_SIGNATURE = front_end(
    403,
    "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details.",
)
TOO_LARGE = front_end(413, "RequestEntityTooLargeException", "Request size exceeded the limit.")
UNKNOWN_OPERATION = Refusal(404, "UnknownOperationException", b"<UnknownOperationException/>\n", "application/xml")


def incomplete(message: str) -> Refusal:
    """Return the answer to an Authorization header that lacks or garbles a part."""
    return front_end(403, "IncompleteSignatureException", message)


def invalid_signature(message: str) -> Refusal:
    """Return the answer to a signature that is well formed and does not hold."""
    return front_end(403, "InvalidSignatureException", message)


# Answers that a test asks for by the endpoint's name.
BY_KIND = {
    "throttle": front_end(400, "ThrottlingException" + CORAL, None),
    "not-ready": service(429, "ModelNotReadyException", "Model is not ready to serve inference requests."),
    "internal": service(500, "InternalFailure", f"Internal failure in account {ACCOUNT}."),
    "unavailable": edge(503, "Service Temporarily Unavailable"),
    "service-unavailable": service(503, "ServiceUnavailable", "The service is currently unavailable."),
    "bad-gateway": edge(502, "Bad Gateway"),
    "gateway-timeout": edge(504, "Gateway Time-out"),
    "request-timeout": front_end(408, "RequestTimeoutException", "The request body was not read in time."),
    "dependency": service(
        530, "InternalDependencyException", f"KMS key arn:aws:kms:us-east-1:{ACCOUNT}:key/1 is not accessible."
    ),
    "too-large": TOO_LARGE,
    "no-capacity": service(
        400,
        "ValidationError",
        "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress (if "
        "configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API.",
    ),
    "component-missing": service(
        400,
        "ValidationError",
        "Inference Component Name header is required for endpoints to which you plan to deploy inference components.",
        ErrorCode="INFERENCE_COMPONENT_NAME_MISSING",
    ),
    "component-refused": service(
        400,
        "ValidationError",
        "Inference Component Name header is not allowed for endpoints to which you dont plan to deploy inference "
        "components.",
    ),
    "validation": service(
        400,
        "ValidationError",
        f"1 validation error detected for account {ACCOUNT}: value failed to satisfy constraint.",
    ),
    "forbidden-expired": front_end(
        403, "ExpiredTokenException", "The security token included in the request is expired"
    ),
    "forbidden-skew": invalid_signature(
        "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z (20260101T001000Z - 5 min.)"
    ),
    "forbidden-signature": WRONG_SIGNATURE,
    "forbidden-client": UNKNOWN_CLIENT,
    "forbidden-missing": MISSING_TOKEN,
    "forbidden-incomplete": incomplete("Authorization header requires 'Signature' parameter."),
    "forbidden-access": front_end(
        403,
        "AccessDeniedException",
        f"User: arn:aws:iam::{ACCOUNT}:user/gateway is not authorized to perform: sagemaker:InvokeEndpoint because no "
        "identity-based policy allows the sagemaker:InvokeEndpoint action",
    ),
    "redirect": Refusal(302, None, b"", "text/html", location="https://runtime.sagemaker.example.test/elsewhere"),
}
