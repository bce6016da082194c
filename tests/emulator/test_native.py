"""SageMaker's OpenAI path in the emulator, over HTTP, with tokens of the gateway's."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from extproc.emulator.server import TEST_CREDENTIALS
from extproc.sagemaker import native


@pytest.fixture
def post(emulator):
    """Sends a chat request to an endpoint's OpenAI path."""

    def send(endpoint, *, component=None, headers=None, model="", **fields):
        messages = [{"role": "user", "content": "Hello wide world"}]
        bearer = native.bearer(TEST_CREDENTIALS, "us-east-1", time.time())
        with httpx.Client(base_url=emulator.url, timeout=20) as client:
            return client.post(
                native.path(endpoint, component),
                json={"model": model, "messages": messages, **fields},
                headers={"authorization": f"Bearer {bearer}", **(headers or {})},
            )

    return send


def test_a_whole_answer_is_the_containers(post) -> None:
    """Plain JSON under the container's content type."""
    answer = post("chat")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["choices"][0]["message"]["content"] == "Hello wide world"


def test_a_stream_is_the_containers(post) -> None:
    """Server-sent events, without frames around them."""
    answer = post("chat", stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.startswith("data: {")
    assert answer.text.endswith("data: [DONE]\n\n")


def test_a_stream_is_what_the_knob_says(post) -> None:
    """`raw` takes the place of the container's own events."""
    assert post("chat", stream=True, emulator={"raw": [": on\n", "data"]}).text == ": on\ndata"


def test_a_stream_may_end_too_early(post) -> None:
    """The kind `truncated` ends in order after the first events, without [DONE]."""
    answer = post("truncated", stream=True)
    assert answer.text.count("data: {") >= 1
    assert "[DONE]" not in answer.text


def test_the_component_stands_in_the_path(post) -> None:
    """There it is required as elsewhere; its header is refused whatever it says."""
    assert post("components", component="copy").status_code == 200
    for answer in (
        post("components"),
        post("chat", component="copy"),
        post("components", component="copy", headers={"x-amzn-sagemaker-inference-component": "copy"}),
    ):
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "validation_error"


@pytest.mark.parametrize(
    ("endpoint", "status", "type_", "code"),
    [
        ("model-error-400", 400, "server_error", "model_error"),
        ("model-error-503", 503, "server_error", "model_error"),
        ("model-error-0", 504, "server_error", "model_error"),
        ("missing", 400, "invalid_request_error", "validation_error"),
        ("throttle", 429, "rate_limit_error", "ThrottlingException"),
        ("internal", 500, "server_error", "InternalFailure"),
    ],
)
def test_errors_have_openais_shape(post, endpoint, status, type_, code) -> None:
    """A container's error has its own status; none has AWS's error type as a header."""
    answer = post(endpoint)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (status, type_, code)
    assert "x-amzn-errortype" not in answer.headers


def test_a_container_knows_no_other_model(post) -> None:
    """A name that is not its own is the container's 404, as vLLM's is."""
    answer = post("chat", model="gpt-4o")
    assert answer.status_code == 404
    assert json.dumps("The model does not exist.")[1:-1] in answer.json()["error"]["message"]
