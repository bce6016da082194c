"""From what SageMaker, containers and Envoy answer to what the client is told."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc import errors
from extproc.openai.error_body import body as error_body
from extproc.sagemaker.faults import broken_off, classify, error_type, from_answer, from_frame

ACCOUNT = "123456789012"
VLLM_400 = '{"error":{"message":"n must be 1","type":"BadRequestError","param":"n","code":400}}'
NO_ENDPOINT = {"ErrorCode": "NO_SUCH_ENDPOINT", "Message": f"Endpoint prod-llama of account {ACCOUNT} not found."}

# What SageMaker answers (status, x-amzn-errortype, body), and what the client then gets.
TABLE = Path(__file__).parent.parent / "tables" / "sagemaker_faults.json"
ANSWERS = [pytest.param(row, id=row["name"]) for row in json.loads(TABLE.read_text(encoding="utf-8"))]

LEAK = re.compile(rb"\d{12}|arn:|https?://|amazon|aws|prod-llama|Endpoints|<html|Traceback", re.IGNORECASE)


def raw(body: Any) -> bytes:
    """A body as it comes over the wire."""
    return orjson.dumps(body) if isinstance(body, dict) else body.encode() if isinstance(body, str) else body


def classified(row: dict[str, Any]) -> errors.GatewayError:
    """The error that a row's answer becomes."""
    headers = {":status": str(row["status"])}
    if row["error_type"]:
        headers["x-amzn-errortype"] = row["error_type"]
    return classify(row["status"], headers, raw(row["body"]), details="via_upstream")


@pytest.mark.parametrize("row", ANSWERS)
def test_each_answer_of_sagemakers_is_the_error_that_it_is(row: dict[str, Any]) -> None:
    """Kind, status, code and retry-after, whatever status AWS gave it, and nothing of AWS's in what is shown."""
    error = classified(row)
    assert (type(error).__name__, error.http_status, error.openai_code, error.retry_after) == (
        row["kind"],
        row["shown"],
        row["code"],
        row["retry_after"],
    )
    assert not LEAK.search(error_body(error))


@pytest.mark.parametrize("row", ANSWERS)
def test_what_was_said_is_in_the_record(row: dict[str, Any]) -> None:
    """Status, type and body go into the detail, which no client sees."""
    detail = classified(row).detail
    assert str(row["status"]) in detail
    assert row["error_type"].partition(":")[0] in detail
    assert raw(row["body"]).decode() in detail


@pytest.mark.parametrize("row", ANSWERS)
def test_the_client_is_never_told_401_or_403_or_424(row: dict[str, Any]) -> None:
    """Those mean the client's own key, or nothing at all, to an SDK."""
    assert classified(row).http_status not in (401, 403, 424)


def test_the_containers_validation_message_is_passed_on() -> None:
    """It is what tells the caller how to correct the request; param comes with it."""
    body = {"OriginalStatusCode": 400, "OriginalMessage": VLLM_400}
    error = classify(424, {"x-amzn-errortype": "ModelError"}, raw(body))
    assert (error.message, error.param) == ("n must be 1", "n")


def test_a_missing_endpoint_of_the_only_target_is_a_missing_model() -> None:
    """With nowhere else to go, retrying cannot help."""
    error = classify(400, {"x-amzn-errortype": "ValidationError"}, raw(NO_ENDPOINT), only_target=True)
    assert (error.http_status, error.openai_code) == (404, "model_not_found")
    assert not LEAK.search(error_body(error))


def test_names_to_hide_are_hidden() -> None:
    """The endpoint's name may stand in a container's message."""
    body = {"OriginalStatusCode": 400, "OriginalMessage": '{"error":"prod-llama takes no images"}'}
    error = classify(424, {"x-amzn-errortype": "ModelError"}, raw(body), hide=("prod-llama",))
    assert "prod-llama" not in error.message


ENVOY = {
    ("response_timeout", 504): (errors.UpstreamTimeout, 504),
    ("upstream_response_timeout", 504): (errors.UpstreamTimeout, 504),
    ("upstream_per_try_timeout", 504): (errors.UpstreamTimeout, 504),
    ("upstream_per_try_idle_timeout", 504): (errors.UpstreamTimeout, 504),
    ("stream_idle_timeout", 504): (errors.UpstreamTimeout, 504),
    ("stream_idle_timeout", 408): (errors.RequestTimedOut, 408),
    ("request_overall_timeout", 408): (errors.RequestTimedOut, 408),
    ("upstream_reset_before_response_started{connection_termination}", 503): (errors.UpstreamUnavailable, 503),
    ("upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_111}", 503): (
        errors.UpstreamUnavailable,
        503,
    ),
    ("upstream_reset_before_response_started{overflow}", 503): (errors.UpstreamUnavailable, 503),
    ("no_healthy_upstream", 503): (errors.UpstreamUnavailable, 503),
    ("cluster_not_found", 503): (errors.GatewayUnavailable, 503),
    ("route_not_found", 404): (errors.GatewayUnavailable, 503),
    ("overload", 503): (errors.GatewayUnavailable, 503),
    ("ext_proc_error_gRPC_error_14{upstream_connect_error}", 500): (errors.GatewayUnavailable, 503),
    ("request_payload_too_large", 413): (errors.RequestTooLarge, 413),
    ("response_payload_too_large", 500): (errors.UpstreamFailed, 502),
    ("lua_response", 503): (errors.UpstreamUnavailable, 503),
    ("something_new", 504): (errors.UpstreamTimeout, 504),
    ("", 503): (errors.UpstreamUnavailable, 503),
}


@pytest.mark.parametrize(("details", "status"), ENVOY)
def test_envoys_own_replies_are_told_apart(details: str, status: int) -> None:
    """What Envoy answers itself is named by its details, and by its status when they are new to us."""
    error = classify(status, {":status": str(status)}, b"upstream connect error or disconnect", details=details)
    assert (type(error), error.http_status) == ENVOY[details, status]
    assert "upstream connect error" not in error.message
    assert details in error.detail


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "600"}, 30),
        ({"x-amz-retry-after": "1500"}, 2),
        ({"retry-after": "Tue, 24 Nov 2026 01:00:00 GMT"}, 2),
        ({"retry-after": "٣"}, 2),
        ({"retry-after": "-1"}, 2),
        ({"retry-after": "9" * 5000}, 30),
        ({}, 2),
    ],
)
def test_what_aws_asks_for_is_kept_in_bounds(headers: dict[str, str], seconds: int) -> None:
    """AWS's own hint counts, within what SDKs obey."""
    error = classify(400, {"x-amzn-errortype": "ThrottlingException", **headers}, b"")
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("header", "body", "expected"),
    [
        ("ThrottlingException", {}, "ThrottlingException"),
        ("ThrottlingException:http://internal.amazon.com/coral/x", {}, "ThrottlingException"),
        ("com.amazon.coral#ValidationException", {}, "ValidationException"),
        ("ModelError", {"ErrorCode": "CLIENT_ERROR_FROM_MODEL"}, "ModelError"),
        (None, {"ErrorCode": "NO_SUCH_ENDPOINT", "__type": "x"}, "NO_SUCH_ENDPOINT"),
        (None, {"__type": "com.amazon.coral#ThrottlingException"}, "ThrottlingException"),
        (None, {"code": 400}, ""),
        (None, {}, ""),
    ],
)
def test_the_error_type_is_found(header: str | None, body: dict[str, Any], expected: str) -> None:
    """The header comes first, then the body's several names for it, without any namespace."""
    assert error_type({} if header is None else {"x-amzn-errortype": header}, body) == expected


@dataclass
class Message:
    """An event-stream message as the decoder gives it."""

    headers: dict[str, Any]
    payload: bytes = b""


def exception(kind: str, **body: str) -> Message:
    """A modelled exception."""
    return Message({":message-type": "exception", ":exception-type": kind}, orjson.dumps(body))


FRAMES = {
    "too slow": (
        exception("ModelStreamError", ErrorCode="ModelInvocationTimeExceeded", Message=f"endpoint of {ACCOUNT}"),
        (errors.UpstreamTimeout, "model_stream_error"),
    ),
    "broken": (
        exception("ModelStreamError", ErrorCode="StreamBroken", Message="The container closed the connection"),
        (errors.UpstreamFailed, "model_stream_error"),
    ),
    "AWS broke": (exception("InternalStreamFailure", Message="x"), (errors.UpstreamFailed, "model_stream_error")),
    "throttled": (exception("ThrottlingException", message="x"), (errors.RateLimited, "rate_limit_exceeded")),
    "unmodelled": (
        Message({":message-type": "error", ":error-code": "InternalFailure", ":error-message": "An internal error"}),
        (errors.UpstreamFailed, "model_stream_error"),
    ),
    "no JSON": (
        Message({":message-type": "exception", ":exception-type": "X"}, b"\xff\xfe"),
        (errors.UpstreamFailed, "model_stream_error"),
    ),
    "no name": (Message({":message-type": "error"}), (errors.UpstreamFailed, "model_stream_error")),
}


@pytest.mark.parametrize("name", FRAMES)
def test_exceptions_in_a_stream_are_errors(name: str) -> None:
    """A message that is no event ends the stream with an error, in our words."""
    message, expected = FRAMES[name]
    error = from_frame(message)
    assert error is not None
    assert (type(error), error.openai_code) == expected
    assert not LEAK.search(error_body(error))
    assert str(message.headers.get(":exception-type", message.headers.get(":error-message", ""))) in error.detail


@pytest.mark.parametrize(
    "headers", [{":message-type": "event", ":event-type": "PayloadPart"}, {":event-type": "New"}, {}]
)
def test_events_are_no_errors(headers: dict[str, str]) -> None:
    """Ordinary and unknown events pass; unknown ones are skipped by AWS's own SDKs too."""
    assert from_frame(Message(headers, b"{}")) is None


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"choices": []},
        {"error": None, "choices": []},
        {"error": "", "choices": []},
        {"error": {}},
        {"object": "chat.completion"},
    ],
)
def test_answers_without_an_error_are_none(document: dict[str, Any]) -> None:
    """An empty `error` is a field that a container always writes."""
    assert from_answer(document, streamed=True) is None


@pytest.mark.parametrize(("streamed", "code"), [(True, "model_stream_error"), (False, "model_error")])
def test_a_failure_with_status_200_depends_on_what_was_sent(streamed: bool, code: str) -> None:
    """In mid-stream the answer broke off; a whole one never began."""
    error = from_answer({"error": {"message": "CUDA", "code": 500}}, streamed=streamed)
    assert error is not None
    assert (type(error), error.openai_code) == (errors.UpstreamFailed, code)
    assert "CUDA" in error.detail


def test_a_broken_stream_has_one_error() -> None:
    """Truncated, garbled or failed: the client is told the same, the record what it was."""
    error = broken_off("frame checksum")
    assert (error.http_status, error.openai_code, error.detail) == (502, "model_stream_error", "frame checksum")


WORDS = st.sampled_from(
    ["ModelError", "ThrottlingException", "ValidationError", "X", "", "AccessDeniedException", "ModelNotReadyException"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 600) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["Message", "message", "ErrorCode", "OriginalMessage", "OriginalStatusCode", "error", "code", "__type"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)


@given(st.integers(100, 599), WORDS, st.binary(max_size=30) | JSON.map(orjson.dumps), st.text(max_size=20))
def test_whatever_is_answered_becomes_an_error(status: int, kind: str, body: bytes, details: str) -> None:
    """No body, type or detail is so odd that the client would not be answered."""
    error = classify(status, {"x-amzn-errortype": kind}, body, details=details)
    assert isinstance(error, errors.GatewayError)
    assert 400 <= error.http_status < 600
    assert orjson.loads(error_body(error))["error"]["message"]
