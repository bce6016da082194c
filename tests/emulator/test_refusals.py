"""How AWS says no, read by AWS's own parser of answers."""

from __future__ import annotations

import json

import pytest
from botocore.parsers import create_parser
from botocore.session import Session

from extproc.emulator import refusals
from extproc.emulator.refusals import BY_KIND, model_error, no_such_endpoint

MODEL = Session().get_service_model("sagemaker-runtime")
SHAPE = MODEL.operation_model("InvokeEndpoint").output_shape


def parsed(refusal):
    """What botocore makes of a refusal."""
    headers = {"content-type": refusal.content_type}
    if refusal.error_type:
        headers["x-amzn-errortype"] = refusal.error_type
    parser = create_parser("rest-json")
    return parser.parse({"status_code": refusal.status, "headers": headers, "body": refusal.body}, SHAPE)["Error"]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("throttle", 400, "ThrottlingException"),
        ("not-ready", 429, "ModelNotReadyException"),
        ("internal", 500, "InternalFailure"),
        ("service-unavailable", 503, "ServiceUnavailable"),
        ("dependency", 530, "InternalDependencyException"),
        ("too-large", 413, "RequestEntityTooLargeException"),
        ("request-timeout", 408, "RequestTimeoutException"),
        ("no-capacity", 400, "ValidationError"),
        ("component-missing", 400, "ValidationError"),
        ("component-refused", 400, "ValidationError"),
        ("validation", 400, "ValidationError"),
        ("forbidden-expired", 403, "ExpiredTokenException"),
        ("forbidden-skew", 403, "InvalidSignatureException"),
        ("forbidden-signature", 403, "InvalidSignatureException"),
        ("forbidden-client", 403, "UnrecognizedClientException"),
        ("forbidden-missing", 403, "MissingAuthenticationTokenException"),
        ("forbidden-incomplete", 403, "IncompleteSignatureException"),
        ("forbidden-access", 403, "AccessDeniedException"),
    ],
)
def test_aws_clients_read_the_code(kind, status, code) -> None:
    """Each answer has the status and the code that SDKs know it by."""
    assert BY_KIND[kind].status == status
    assert parsed(BY_KIND[kind])["Code"] == code


def test_modelled_errors_are_in_the_service_model() -> None:
    """Errors that SageMaker's own model names are called as it calls them, and have its status."""
    modelled = {
        shape.error_code: shape.metadata["error"]["httpStatusCode"]
        for shape in MODEL.error_shapes
        if "error" in shape.metadata
    }
    made = [*BY_KIND.values(), no_such_endpoint("e"), model_error("e", "us-east-1", 500, "x")]
    ours = {(refusal.error_type or "").partition(":")[0]: refusal.status for refusal in made}
    assert {name: ours.get(name) for name in modelled} == modelled


@pytest.mark.parametrize(("kind", "status"), [("unavailable", 503), ("bad-gateway", 502), ("gateway-timeout", 504)])
def test_an_edge_answers_in_html(kind, status) -> None:
    """A load balancer's page names its status and has no error type."""
    refusal = BY_KIND[kind]
    assert (refusal.status, refusal.error_type, refusal.content_type) == (status, None, "text/html")
    assert str(status).encode() in refusal.body


def test_a_throttled_answer_says_nothing() -> None:
    """The body of a throttled answer is a null message; only the header tells, with a suffix to be cut off."""
    assert BY_KIND["throttle"].body == b'{"message":null}'
    assert BY_KIND["throttle"].error_type.startswith("ThrottlingException:http")


@pytest.mark.parametrize(
    ("status", "code", "whose"),
    [(400, "CLIENT_ERROR_FROM_MODEL", "client"), (503, "INTERNAL_FAILURE_FROM_MODEL", "server")],
)
def test_a_model_error_carries_the_containers_answer(status, code, whose) -> None:
    """The 424 wraps status and body, names whose fault it is, and shows what must not be passed on."""
    body = json.loads(model_error("my-endpoint", "eu-west-1", status, '{"error":"why"}').body)
    assert (body["ErrorCode"], body["OriginalStatusCode"], body["OriginalMessage"]) == (code, status, '{"error":"why"}')
    assert f"Received {whose} error ({status})" in body["Message"]
    assert refusals.ACCOUNT in body["Message"]
    assert body["LogStreamArn"].startswith("arn:aws:logs:eu-west-1:")


def test_the_platforms_time_limit_has_status_zero() -> None:
    """Sixty seconds without an answer are OriginalStatusCode 0 with the platform's own words."""
    body = json.loads(model_error("e", "us-east-1", 0, "ignored").body)
    assert body["OriginalStatusCode"] == 0
    assert "invocation timed out" in body["OriginalMessage"]


def test_a_long_container_answer_is_cut() -> None:
    """OriginalMessage has at most 2048 characters, so it may be JSON cut in the middle."""
    assert len(json.loads(model_error("e", "us-east-1", 400, "x" * 5_000).body)["OriginalMessage"]) == 2048
