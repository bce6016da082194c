"""Containers' own errors: read in every shape, and judged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc import errors
from extproc.sagemaker.container_error import ContainerError, judge, read

SHAPES = {
    "vLLM": (
        '{"error":{"message":"bad n","type":"BadRequestError","param":"n","code":400}}',
        ContainerError("bad n", "badrequesterror", None, "n", 400),
    ),
    "older vLLM": (
        '{"object":"error","message":"bad n","type":"BadRequestError","param":null,"code":400}',
        ContainerError("bad n", "badrequesterror", None, None, 400),
    ),
    "OpenAI": (
        '{"error":{"message":"m","type":"invalid_request_error","param":"messages[0].role","code":"bad_role"}}',
        ContainerError("m", "invalid_request_error", "bad_role", "messages[0].role", 0),
    ),
    "TGI": ('{"error":"too long","error_type":"validation"}', ContainerError("too long", "validation")),
    "TGI chat": (
        '{"error":{"message":"m","http_status_code":422}}',
        ContainerError("m", "", None, None, 422),
    ),
    "LMI": ('{"error":"Input parsing failed","code":424}', ContainerError("Input parsing failed", status=424)),
    "DJL": (
        '{"code":503,"type":"WlmCapacityException","message":"full"}',
        ContainerError("full", "wlmcapacityexception", status=503),
    ),
    "FastAPI": ('{"detail":"Not Found"}', ContainerError("Not Found")),
    "FastAPI's validation": (
        '{"detail":[{"loc":["body","n",0],"msg":"Input should be less than 9"},{"msg":"more"}]}',
        ContainerError("n.0: Input should be less than 9"),
    ),
    "FastAPI's validation of the whole": ('{"detail":[{"loc":["body"],"msg":"bad"}]}', ContainerError("bad")),
    "FastAPI's validation, unsaid": ('{"detail":[{"loc":["body"]}]}', ContainerError()),
    "Python's none": ('{"error":{"message":"m","param":"None"}}', ContainerError("m")),
    "AWS": ('{"ErrorCode":"VALIDATION","Message":"bad n"}', ContainerError("bad n")),
    "plain text": ("Bad Gateway", ContainerError("Bad Gateway")),
    "JSON text": ('"Bad Gateway"', ContainerError("Bad Gateway")),
    "nothing": ("", ContainerError()),
    "null": ("null", ContainerError()),
    "cut in the message": ('{"error":{"message":"bad \\"n\\" of', ContainerError('bad "n" of')),
    "cut in an escape": ('{"error":{"message":"bad \\', ContainerError("bad ")),
    "cut after the message": ('{"error":"full","error_type":"overloaded","x', ContainerError("full", "overloaded")),
    "cut in AWS's message": ('{"ErrorCode":"VALIDATION","Message":"bad', ContainerError("bad")),
    "cut before anything": ('{"err', ContainerError()),
    "values where names belong": (
        '{"error":{"message":"m","param":"a b\\nc","code":"No Code","type":5}}',
        ContainerError("m"),
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_read(name: str) -> None:
    """Each server's error body, whole or cut, gives up what it says."""
    text, expected = SHAPES[name]
    assert read(text) == expected


@given(st.sampled_from([text for text, _ in SHAPES.values()]), st.integers(0, 200))
def test_a_body_cut_anywhere_is_read(text: str, length: int) -> None:
    """SageMaker cuts what it quotes; no cut is more than less information."""
    said = read(text[:length])
    # Of FastAPI's list, the place comes before the words.
    assert said.message == "" or said.message.rpartition(": ")[2].replace('"', "")[:3] in text


OVERFLOWS = [
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
    "'max_tokens' or 'max_completion_tokens' is too large: 9000. This model's maximum context length is 8192 tokens.",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3000 and 2000",
    "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000",
    "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
    "Requested token count exceeds the model's maximum context length of 4096 tokens.",
]


@pytest.mark.parametrize("message", OVERFLOWS)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_overflow_is_told_as_openai_tells_it(message: str, status: int) -> None:
    """Every server's way of saying that a prompt is too long has one code, by which clients shorten and retry."""
    error = judge(ContainerError(message), status, detail="d")
    assert type(error) is errors.ContextLengthExceeded
    assert (error.http_status, error.openai_code, error.message) == (400, "context_length_exceeded", message)


JUDGED = [
    # what it said, with which status; the kind, status and code that the client gets
    (ContainerError("n must be 1"), 400, errors.UpstreamRejected, 400, None),
    (ContainerError("n must be 1", code="bad_n"), 422, errors.UpstreamRejected, 400, "bad_n"),
    (ContainerError("no such type"), 415, errors.UpstreamRejected, 400, None),
    (ContainerError("payload limit"), 413, errors.RequestTooLarge, 413, "request_too_large"),
    (ContainerError("no model x"), 404, errors.UnknownModel, 404, "model_not_found"),
    (ContainerError(), 405, errors.UnknownModel, 404, "model_not_found"),
    (ContainerError("who are you"), 401, errors.UpstreamFailed, 502, "model_error"),
    (ContainerError("gated"), 403, errors.UpstreamFailed, 502, "model_error"),
    (ContainerError(), 408, errors.UpstreamTimeout, 504, "timeout"),
    (ContainerError("full"), 429, errors.RateLimited, 429, "rate_limit_exceeded"),
    (ContainerError("full", "overloaded"), 0, errors.RateLimited, 429, "rate_limit_exceeded"),
    (ContainerError("full", "wlmcapacityexception"), 503, errors.UpstreamUnavailable, 503, "model_error"),
    (ContainerError("Input parsing failed: x"), 424, errors.UpstreamRejected, 400, None),
    (ContainerError("bad template", "template_error"), 424, errors.UpstreamRejected, 400, None),
    (ContainerError("CUDA error", "generation"), 424, errors.UpstreamFailed, 502, "model_error"),
    (ContainerError("CUDA error"), 500, errors.UpstreamFailed, 502, "model_error"),
    (ContainerError(), 502, errors.UpstreamFailed, 502, "model_error"),
    (ContainerError(), 504, errors.UpstreamFailed, 502, "model_error"),
    (ContainerError(), 503, errors.UpstreamUnavailable, 503, "model_error"),
    (ContainerError("OOM"), 507, errors.UpstreamUnavailable, 503, "model_error"),
    (ContainerError("maximum context length"), 500, errors.UpstreamFailed, 502, "model_error"),
    (ContainerError(), 0, errors.UpstreamFailed, 502, "model_error"),
    (ContainerError(), -1, errors.UpstreamFailed, 502, "model_error"),
]


@pytest.mark.parametrize(("said", "status", "kind", "shown", "code"), JUDGED)
def test_the_fault_is_found(said: ContainerError, status: int, kind: type, shown: int, code: str | None) -> None:
    """The caller is told of the caller's faults alone, and everything said is in the record."""
    error = judge(said, status, detail="everything")
    assert type(error) is kind
    assert (error.http_status, error.openai_code, error.detail) == (shown, code, "everything")
    if kind not in (errors.UpstreamRejected, errors.RequestTooLarge):
        assert not said.message or said.message not in error.message


def test_a_refusal_that_cannot_be_shown_is_told_in_our_words() -> None:
    """A message that could name our infrastructure is replaced, not passed."""
    error = judge(ContainerError("cannot open /opt/ml/model/adapter", param="n"), 400, detail="")
    assert "/opt" not in error.message
    assert (error.message[:20], error.param) == ("The model's containe", "n")


def test_a_licence_that_nobody_accepted_is_the_operators_fault() -> None:
    """JumpStart's own words ask the client to send a header that SageMaker takes from us alone."""
    said = ContainerError("Need to pass custom_attributes='accept_eula=true' as part of header.")
    error = judge(said, 400, detail="")
    assert (type(error), error.openai_code) == (errors.GatewayMisconfigured, "upstream_config")
    assert said.message not in error.message


def test_names_to_hide_are_hidden() -> None:
    """The endpoint's name in a message hides it."""
    error = judge(ContainerError("prod-llama takes no n"), 400, detail="", hide=("prod-llama",))
    assert "prod-llama" not in error.message
