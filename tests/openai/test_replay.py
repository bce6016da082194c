"""A whole answer as the stream that was asked for."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from extproc.openai.replay import replay

CALL = {"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}


def completion(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A whole answer with a choice for each message."""
    choices = [
        {"index": at, "message": {"role": "assistant", **message}, "finish_reason": "stop", "logprobs": None}
        for at, message in enumerate(messages)
    ]
    envelope = {"id": "answer-1", "object": "chat.completion", "created": 1, "model": "m"}
    return {**envelope, "choices": choices, **fields}


def put_together(chunks: list[dict[str, Any]]) -> Any:
    """What OpenAI's own client makes of the chunks."""
    state = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    return state.get_final_completion()


@pytest.mark.parametrize(
    "messages",
    [
        [{"content": "Hello"}],
        [{"content": ""}],
        [{"content": "one"}, {"content": "two"}, {"content": "three"}],
        [{"content": None, "tool_calls": [CALL, {**CALL, "id": "call-2"}]}],
        [{"content": None, "refusal": "No."}],
        [{"content": "Hello", "reasoning_content": "Hm"}],
    ],
)
def test_the_sdk_puts_the_same_answer_together(messages: list[dict[str, Any]]) -> None:
    """Content, refusals, reasoning and tool calls of every choice are those of the whole answer."""
    document = completion(*messages)
    before = copy.deepcopy(document)
    made = put_together(list(replay(document, include_usage=False)))
    assert document == before
    assert len(made.choices) == len(messages)
    for choice, message in zip(made.choices, messages, strict=True):
        assert choice.finish_reason == "stop"
        assert (choice.message.content or None) == (message["content"] or None)
        assert choice.message.refusal == message.get("refusal")
        assert getattr(choice.message, "reasoning_content", None) == message.get("reasoning_content")
        calls = [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or ()]
        told = message.get("tool_calls") or ()
        assert calls == [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in told]


def test_each_choice_is_said_and_then_finished() -> None:
    """Role first, an empty delta with the finish last; fields beside the choices come once."""
    document = completion({"content": "Hi"}, system_fingerprint="f", prompt_logprobs=None, kv={"a": 1})
    first, last = replay(document, include_usage=False)
    envelope = {"id": "answer-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    envelope["system_fingerprint"] = "f"
    delta = {"role": "assistant", "content": "Hi"}
    said = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    assert first == {**envelope, "prompt_logprobs": None, "kv": {"a": 1}, "choices": [said]}
    assert last == {**envelope, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


@pytest.mark.parametrize("usage", [{"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}, None])
def test_usage_comes_last_and_only_when_it_was_asked_for(usage: dict[str, int] | None) -> None:
    """In a chunk without choices, null in those before it; never for a client that did not ask."""
    document = completion({"content": "Hi"}, usage=usage)
    asked = list(replay(document, include_usage=True))
    assert [chunk["usage"] for chunk in asked] == [None, None, *([usage] if usage else [])]
    assert not usage or asked[-1]["choices"] == []
    assert not any("usage" in chunk for chunk in replay(document, include_usage=False))


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_no_text_is_changed(texts: list[str]) -> None:
    """Whatever the texts, what is put together is what went in."""
    made = put_together(list(replay(completion(*({"content": text} for text in texts)), include_usage=True)))
    assert [choice.message.content or "" for choice in made.choices] == texts
