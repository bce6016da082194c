"""The forms of `provider`, and how they join with model, sagemaker_endpoint_name and provider_type."""

from __future__ import annotations

import pytest

from extproc.config.provider import Endpoint, InvalidProvider, resolve


@pytest.mark.parametrize(
    ("provider", "forced", "model", "endpoint_name", "expected"),
    [
        ("sagemaker:chat:my-llama", False, None, None, ("chat", "my-llama", "my-llama")),
        ("sagemaker:embedding:bge", False, None, None, ("embedding", "bge", "bge")),
        ("sagemaker:completion:llama", False, None, None, ("completion", "llama", "llama")),
        ("sagemaker:chat:alias", False, None, "real-name", ("chat", "alias", "real-name")),
        ("sagemaker:chat:same", False, "same", None, ("chat", "same", "same")),
        ("sagemaker", False, "my-llama", None, ("chat", "my-llama", "my-llama")),
        ("sagemaker", False, None, "real-name", ("chat", "real-name", "real-name")),
        ("sagemaker", False, "meta/Llama-3.3", "real-name", ("chat", "meta/Llama-3.3", "real-name")),
        ("sagemaker:embedding", False, "bge", None, ("embedding", "bge", "bge")),
        ("sagemaker:chat:org/model:v2", False, None, "real-name", ("chat", "org/model:v2", "real-name")),
        ("chat:my-llama", True, None, None, ("chat", "my-llama", "my-llama")),
        ("aws:chat:my-llama", True, None, None, ("chat", "my-llama", "my-llama")),
        ("my-llama", True, None, None, ("chat", "my-llama", "my-llama")),
        ("aws", True, "my-llama", None, ("chat", "my-llama", "my-llama")),
        ("openai:embedding:bge", True, None, None, ("embedding", "bge", "bge")),
    ],
)
def test_accepted(
    provider: str, forced: bool, model: str | None, endpoint_name: str | None, expected: tuple[str, str, str]
) -> None:
    """Each form names kind, model and endpoint; provider_type makes any first word SageMaker's."""
    assert resolve(provider, forced=forced, model=model, endpoint_name=endpoint_name) == Endpoint(*expected)


@pytest.mark.parametrize(
    ("provider", "forced", "model", "field", "text"),
    [
        ("sagemaker", False, None, "provider", "names no endpoint; write sagemaker:chat:<endpoint>"),
        ("sagemaker:chat", False, None, "provider", "names no endpoint"),
        ("sagemaker:chat:", False, "m", "provider", "ends before the endpoint's name"),
        ("sagemaker:my-llama", False, None, "provider", "does not say the kind; write sagemaker:chat:my-llama"),
        ("sagemaker:embeddings:x", False, None, "provider", "did you mean embedding?"),
        ("sagemaker:audio:x", False, None, "provider", "expected one of [chat, completion, embedding]"),
        ("SageMaker:chat:x", False, None, "provider", "did you mean sagemaker?"),
        ("openai:chat:gpt", False, None, "provider", "openai is known in the format"),
        ("chat:my-llama", False, None, "provider", "add provider_type: sagemaker"),
        ("sagemaker:chat:a", False, "b", "model", "says 'b' where provider says 'a'"),
        ("sagemaker:chat:a_b", False, None, "provider", "letters, digits and inner hyphens"),
        ("sagemaker:chat:-a", False, None, "provider", "no SageMaker endpoint name"),
        ("sagemaker", False, "a/b", "model", "set sagemaker_endpoint_name"),
        ("sagemaker:chat:" + "a" * 64, False, None, "provider", "64 characters"),
        ("sagemaker:chat:arn:aws:sagemaker:us-east-1:123456789012:endpoint/x", False, None, "provider", "endpoint/"),
        ("sagemaker:chat:a\n", False, None, "provider", "no SageMaker endpoint name"),
    ],
)
def test_refused(provider: str, forced: bool, model: str | None, field: str, text: str) -> None:
    """What names no endpoint, or two, is refused at the key at fault with what to write."""
    with pytest.raises(InvalidProvider) as raised:
        resolve(provider, forced=forced, model=model, endpoint_name=None)
    assert raised.value.field == field
    assert text in f"{raised.value.message}; {raised.value.advice}"
    assert "123456789012" not in f"{raised.value.message}; {raised.value.advice}"
