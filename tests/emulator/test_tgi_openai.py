"""TGI asked in OpenAI's shapes."""

from __future__ import annotations

import json

import pytest

from extproc.emulator import legacy_completions
from extproc.emulator.container import Completion, ContainerRefused
from extproc.emulator.knobs import DEFAULT
from extproc.emulator.tgi_openai import operation

CHAT = {"messages": [{"role": "user", "content": "one two three"}]}
PROMPT = {"prompt": "one two three"}


def answer(document):
    """What TGI makes of a body."""
    return operation(document)(document, DEFAULT, "my-endpoint", 1_790_000_000, 7)


def test_messages_are_a_chat() -> None:
    """Cut at the limit; the model is the container's own, and `n` is read and ignored."""
    made = answer({**CHAT, "model": "tgi", "n": 3, "max_tokens": 2, "temperature": 0, "stop": ["x"], "stream": True})
    assert isinstance(made, Completion)
    assert (made.tokens, made.finish_reason, made.choices) == (("one", " two"), "length", 1)
    assert (made.model, made.stream) == ("my-endpoint", True)


def test_prompts_are_completions() -> None:
    """One choice for each; what only OpenAI knows is ignored."""
    made = answer({"prompt": ["one two", "three"], "n": 2, "echo": True, "logprobs": 1, "stop": [" two"]})
    whole = json.loads(legacy_completions.document(made))
    assert [(choice["text"], choice["logprobs"]) for choice in whole["choices"]] == [("one", None), ("three", None)]
    assert answer({"prompt": " ".join(["word"] * 40)}).usage["completion_tokens"] == 40


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"stop": "x"}, "untagged enum SagemakerRequest"),
        ({"logit_bias": {"1": 5}}, "untagged enum SagemakerRequest"),
        ({"max_tokens": True}, "untagged enum SagemakerRequest"),
        ({"top_p": 1}, "`top_p` must be > 0.0 and < 1.0"),
        ({"temperature": -1}, "`temperature`"),
        ({"presence_penalty": -2}, "`repetition_penalty`"),
        ({"stop": list("abcde")}, "up to 4"),
        ({"suffix": "x"}, "Suffix is not supported"),
        ({"tools": [{"type": "function"}], "response_format": {"type": "json_object"}}, "mutually exclusive"),
    ],
    ids=str,
)
@pytest.mark.parametrize("body", [CHAT, PROMPT], ids=["chat", "completion"])
def test_less_than_openais_is_taken(body, more, words) -> None:
    """What does not fit is a text, what fits and is out of range is TGI's own error."""
    with pytest.raises(ContainerRefused) as refused:
        operation({**body, **more})
    assert refused.value.status == 422
    assert words in refused.value.body
    assert refused.value.body.startswith("{") == ("untagged" not in words)


@pytest.mark.parametrize("body", [{}, {"input": "x"}, {"messages": "x"}, {"prompt": 1}], ids=str)
def test_a_body_of_no_shape_is_refused(body) -> None:
    """In the words of the web framework."""
    with pytest.raises(ContainerRefused) as refused:
        operation(body)
    assert "did not match any variant" in refused.value.body


@pytest.mark.parametrize("body", [{"messages": []}, {"prompt": ""}, {"prompt": []}], ids=str)
def test_nothing_to_answer_is_refused(body) -> None:
    """As an empty input is."""
    with pytest.raises(ContainerRefused) as refused:
        operation(body)
    assert "cannot be empty" in json.loads(refused.value.body)["error"]


def test_another_model_is_an_adapter() -> None:
    """Of which there is none; the empty name is the model itself."""
    with pytest.raises(ContainerRefused) as refused:
        operation({**CHAT, "model": "gpt-4o"})
    assert (refused.value.status, json.loads(refused.value.body)["error_type"]) == (424, "generation")
    assert answer({**CHAT, "model": ""}).model == "my-endpoint"
