"""Completion requests, and answers brought into their older form."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import GatewayError, MalformedRequest
from extproc.openai.completions import MAX_PROMPTS, chunk, parse, whole


def body(**fields: Any) -> bytes:
    """A request with these fields."""
    return orjson.dumps({"model": "m", "prompt": "Once", **fields})


REFUSED = {
    "no prompt": ({"prompt": None}, "prompt", "Missing required parameter"),
    "a number": ({"prompt": 5}, "prompt", "a string or an array of strings"),
    "nothing": ({"prompt": []}, "prompt", "a string or an array of strings"),
    "tokens": ({"prompt": [1, 2]}, "prompt", "cannot read token ids"),
    "lists of tokens": ({"prompt": [[1], [2]]}, "prompt", "cannot read token ids"),
    "an object among texts": ({"prompt": ["a", {}]}, "prompt[1]", "expected a string, got an object"),
    "too many": ({"prompt": ["a"] * (MAX_PROMPTS + 1)}, "prompt", f"at most {MAX_PROMPTS}"),
    "too many in a stream": ({"prompt": ["a"] * 65, "n": 2, "stream": True}, "prompt", "at most 128 are streamed"),
    "logprobs of chats": ({"logprobs": True}, "logprobs", "an integer from 0"),
    "negative logprobs": ({"logprobs": -1}, "logprobs", "an integer from 0"),
    "echo": ({"echo": 1}, "echo", "expected a boolean"),
    "best_of": ({"best_of": 0}, "best_of", "a positive integer"),
    "suffix": ({"suffix": ["a"]}, "suffix", "expected a string"),
    "n": ({"n": 129}, "n", "from 1 to 128"),
    "stream_options alone": ({"stream_options": {}}, "stream_options", "only when 'stream'"),
    "messages": ({"messages": "unread"}, "messages", "reads 'prompt'"),
    "embedded prompts": ({"prompt_embeds": "QUJD"}, "prompt_embeds", "reads 'prompt'"),
    "the container's own": ({"inputs": "unread"}, "inputs", "reads 'prompt'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_shape_is_refused_with_the_field_at_fault(name: str) -> None:
    """What we could not judge, or what a container would read as another request, is a 400 that says so."""
    fields, param, message = REFUSED[name]
    with pytest.raises(MalformedRequest) as refused:
        parse(body(**fields))
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert message in refused.value.message


def test_what_decides_the_answer_is_read() -> None:
    """Prompts, streaming, usage and probabilities; unknown fields are kept."""
    call = parse(body(prompt=["a", "b"], stream=True, stream_options={"include_usage": True}, logprobs=0, top_k=3))
    assert (call.kind, call.texts, call.stream, call.include_usage) == ("completion", ["a", "b"], True, True)
    assert (call.logprobs, call.document["top_k"]) == (0, 3)
    assert parse(body(prompt="")).texts == [""]
    assert parse(body()).logprobs is None


CONTENT = {
    "content": [
        {"token": "a", "logprob": -1.0, "top_logprobs": [{"token": "a", "logprob": -1.0}, {"token": "b"}]},
        {"token": "bcd", "logprob": -2.0, "top_logprobs": []},
        {"token": "e", "logprob": -3.0},
    ]
}
OLDER = {
    "tokens": ["a", "bcd", "e"],
    "token_logprobs": [-1.0, -2.0, -3.0],
    "top_logprobs": [{"a": -1.0, "b": None}, None, None],
    "text_offset": [0, 1, 4],
}


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        (None, None),
        (CONTENT, OLDER),
        (OLDER, OLDER),
        ({"content": None}, {"content": None}),
        ({"content": []}, {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}),
        (
            {"content": [1, {"token": 2}, {"token": "a", "top_logprobs": 5}]},
            {"tokens": ["a"], "token_logprobs": [None], "top_logprobs": [None], "text_offset": [0]},
        ),
        ("text", None),
    ],
)
def test_an_answer_is_told_in_the_older_form(given_: Any, told: Any) -> None:
    """The message is a text, and probabilities are lists; what the container added to a choice stays."""
    message = {"role": "assistant", "content": "abcde", "reasoning_content": "x"}
    choice = {"index": 0, "message": message, "logprobs": given_, "finish_reason": "stop", "stop_reason": None}
    document = whole({"id": "cmpl-1", "object": "chat.completion", "model": "m", "choices": [choice]})
    assert document["object"] == "text_completion"
    assert document["choices"] == [
        {"index": 0, "logprobs": told, "finish_reason": "stop", "stop_reason": None, "text": "abcde"}
    ]


@pytest.mark.parametrize(
    ("delta", "text"),
    [({"role": "assistant", "content": "a"}, "a"), ({"role": "assistant"}, ""), ({"content": None}, ""), ({}, "")],
)
def test_a_chunk_is_told_in_the_older_form(delta: Any, text: str) -> None:
    """Every choice of it has a text, if an empty one; a chunk of usage has no choice."""
    document = chunk({"object": "chat.completion.chunk", "choices": [{"index": 1, "delta": delta}]})
    assert document["choices"] == [{"index": 1, "text": text, "logprobs": None, "finish_reason": None}]
    assert document["object"] == "text_completion"
    assert chunk({"choices": [], "usage": {"total_tokens": 1}})["choices"] == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["model", "prompt", "stream", "stream_options", "n", "echo", "logprobs", "stop", "suffix", "x"]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_nothing_escapes_but_a_gateway_error(fields: dict[str, Any]) -> None:
    """Whatever arrives, the answer is a call or an error made for clients."""
    for raw in (orjson.dumps(fields), body(**fields)):
        with suppress(GatewayError):
            assert all(isinstance(text, str) for text in parse(raw).texts)
