"""Errors as clients read them."""

from __future__ import annotations

import orjson
import pytest

from extproc.errors import (
    GatewayError,
    MalformedRequest,
    PolicyRefusal,
    RateLimited,
    UpstreamTimeout,
)
from extproc.openai.error_body import body, headers

JSON = ("content-type", "application/json")


def test_the_body_has_the_four_fields_always() -> None:
    """message, type, param and code are there even when null: SDKs read each of them."""
    assert orjson.loads(body(MalformedRequest("No.", param="model"))) == {
        "error": {"message": "No.", "type": "invalid_request_error", "param": "model", "code": None}
    }


def test_a_refusal_names_its_policy() -> None:
    """Only a policy's refusal has a fifth field."""
    error = PolicyRefusal("Refused.", code="input_blocked", policy="pii-detector")
    assert orjson.loads(body(error))["error"] == {
        "message": "Refused.",
        "type": "policy_violation",
        "param": None,
        "code": "input_blocked",
        "policy": "pii-detector",
    }


def test_the_detail_is_never_shown() -> None:
    """What was said upstream stays in the record."""
    assert b"arn:aws" not in body(MalformedRequest("No.", detail="arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MalformedRequest("No."), (JSON,)),
        (RateLimited("Later.", retry_after=2), (JSON, ("retry-after", "2"))),
        (RateLimited("Later.", retry_after=600), (JSON, ("retry-after", "30"))),
        (RateLimited("Later.", retry_after=0), (JSON, ("retry-after", "1"))),
        (PolicyRefusal("Refused."), (JSON, ("x-should-retry", "false"))),
        (UpstreamTimeout("Slow."), (JSON, ("x-should-retry", "false"))),
    ],
)
def test_headers_say_when_to_try_again(error: GatewayError, expected: tuple[tuple[str, str], ...]) -> None:
    """retry-after stays within 1 to 30 seconds, and an SDK's own retries are stopped where they cannot help."""
    assert headers(error) == expected
