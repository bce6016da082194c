"""Settings that have no effect for a kind of endpoint, or that it lacks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extproc.sagemaker.prompt import PROMPTED
from extproc.translate import TRANSLATORS

Said = Callable[..., list[str]]


@pytest.fixture
def told(base: str, said: Said) -> Callable[..., list[str]]:
    """What is said about the base configuration with another kind and further lines of its target."""

    def problems(kind: str, *lines: str) -> list[str]:
        text = base.replace(":chat:", f":{kind}:")
        return said(text.replace("      aws_region", "".join(f"      {line}\n" for line in lines) + "      aws_region"))

    return problems


@pytest.mark.parametrize(("kind", "dialect"), sorted(TRANSLATORS))
def test_every_format_that_a_kind_has_is_taken(told: Callable[..., list[str]], kind: str, dialect: str) -> None:
    """With a template where a chat needs one, and nothing is said."""
    prompted = kind == "chat" and dialect in PROMPTED
    assert told(kind, f"format: {dialect}", *(["prompt_template: plain"] if prompted else [])) == []


@pytest.mark.parametrize(
    ("kind", "lines", "message"),
    [
        ("chat", ["format: tei"], "no chat endpoint is spoken to in format tei; expected one of [auto, bedrock"),
        (
            "embedding",
            ["format: tgi"],
            "expected one of [cohere, huggingface, jina, jumpstart, lmi, openai, tei, voyage]",
        ),
        ("embedding", ["format: auto"], "no embedding endpoint is spoken to in format auto"),
        ("chat", ["format: jumpstart-llama2", "prompt_template: llama3"], "has no meaning for chat requests"),
        ("chat", ["prompt_template: llama3"], "has no meaning for chat requests in format openai"),
        ("completion", ["format: tgi", "prompt_template: llama3"], "has no meaning for completion requests"),
        ("embedding", ["prompt_template: llama3"], "has no meaning for embedding requests"),
        ("chat", ["format: tgi", "prompt_template: plain", "upstream_model: a"], "upstream_model: has no meaning"),
        ("embedding", ["format: tei", "upstream_model: a"], "upstream_model: has no meaning"),
        ("embedding", ["streaming: false"], "streaming: has no meaning for embedding requests"),
        ("embedding", ["first_byte_timeout_seconds: 5"], "seconds: has no meaning for embedding requests"),
        ("embedding", ["options: {max_tokens: 5}"], "options.max_tokens: has no meaning"),
        ("embedding", ["options: {temperature: 1}"], "options.temperature: has no meaning"),
        ("chat", ["options: {input_type: query}"], "options.input_type: has no meaning for chat requests"),
        ("embedding", ["options: {input_type: query}"], "has no meaning for embedding requests in format openai"),
        ("embedding", ["format: tei", "options: {pooling: cls}"], "options.pooling: has no meaning"),
        ("completion", ["route: openai"], "SageMaker's OpenAI route serves chat completions only"),
        ("embedding", ["route: openai"], "SageMaker's OpenAI route serves chat completions only"),
    ],
)
def test_what_does_not_go_together_is_refused(
    told: Callable[..., list[str]], kind: str, lines: list[str], message: str
) -> None:
    """With the key at fault and what to do."""
    (problem,) = told(kind, *lines)
    assert message in problem
    assert problem.endswith("[E013]")


@pytest.mark.parametrize(
    ("dialect", "options"),
    [
        ("cohere", "input_type: search_query"),
        ("voyage", "input_type: query"),
        ("jina", "input_type: retrieval.query"),
        ("huggingface", "pooling: cls"),
    ],
)
def test_settings_of_embeddings_are_taken_where_they_count(
    told: Callable[..., list[str]], dialect: str, options: str
) -> None:
    """Nothing is said about them."""
    assert told("embedding", f"format: {dialect}", f"options: {{{options}}}") == []


@pytest.mark.parametrize("dialect", sorted(PROMPTED))
def test_a_container_that_takes_text_needs_a_template(told: Callable[..., list[str]], dialect: str) -> None:
    """Requests never guess, so that the configuration has to say how a chat's model is prompted."""
    (problem,) = told("chat", f"format: {dialect}")
    assert "targets[0].format: " in problem
    assert "add prompt_template" in problem
    assert told("completion", f"format: {dialect}") == []
