"""How a completion is written down, read by OpenAI's own types."""

from __future__ import annotations

import json

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from extproc.emulator import dialect
from extproc.emulator.container import complete
from extproc.emulator.knobs import DEFAULT


def completion(text="Grüße an alle", **fields):
    """A completion of that text."""
    return complete({"messages": [{"role": "user", "content": text}], **fields}, DEFAULT, "m", 1_790_000_000, 7)


TOOLS = [{"type": "function", "function": {"name": "weather"}}]
ASKED = [
    {"text": "Grüße an alle"},
    {"text": ""},
    {"text": "a b", "n": 3},
    {"text": "reason:think twice||so"},
    {"text": 'call:{"city": "Paris"}', "tools": TOOLS, "n": 2},
    {"text": "a b c", "max_tokens": 1, "stream_options": {"include_usage": True}},
]


def events_of(made, **how):
    """The server-sent events of a completion."""
    return dialect.server_sent_events(dialect.chunks(made), **how)


def chunks(lines):
    """The chunks of a stream as OpenAI's type, which refuses what it does not know."""
    return [ChatCompletionChunk.model_validate_json(line) for line in lines]


def joined(parts, index):
    """What the deltas of one choice say: content, reasoning, tool arguments, finish reasons."""
    choices = [choice for part in parts for choice in part.choices if choice.index == index]
    calls = [call for choice in choices for call in choice.delta.tool_calls or ()]
    return (
        "".join(choice.delta.content or "" for choice in choices),
        "".join(getattr(choice.delta, "reasoning_content", None) or "" for choice in choices),
        "".join(call.function.arguments for call in calls),
        [call.function.name for call in calls if call.function.name],
        [choice.finish_reason for choice in choices if choice.finish_reason],
    )


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_stream_says_what_the_document_says(asked) -> None:
    """For every choice the deltas joined are the message of the whole answer, and the reason comes once."""
    made = completion(**asked)
    whole = ChatCompletion.model_validate_json(dialect.document(made))
    parts = chunks(event.removeprefix(b"data: ") for event in events_of(made, done=False))
    assert len(whole.choices) == asked.get("n", 1)
    for choice in whole.choices:
        message = choice.message
        called = [call.function for call in message.tool_calls or ()]
        assert joined(parts, choice.index) == (
            message.content or "",
            message.reasoning_content or "",
            "".join(call.arguments for call in called),
            [call.name for call in called],
            [choice.finish_reason],
        )
    assert {part.id for part in parts} == {whole.id}
    assert parts[0].choices[0].delta.role == "assistant"


def test_usage_comes_last_and_only_when_asked() -> None:
    """The usage chunk has no choices, stands after the reason, and equals the whole answer's usage."""
    made = completion(stream_options={"include_usage": True})
    last = chunks(event.removeprefix(b"data: ") for event in events_of(made, done=False))[-1]
    assert last.choices == []
    assert last.usage == ChatCompletion.model_validate_json(dialect.document(made)).usage
    assert b"usage" not in b"".join(events_of(completion()))


def test_server_sent_events_end_with_done() -> None:
    """Every event is one data line and an empty one; [DONE] ends them unless the container omits it."""
    events = list(events_of(completion()))
    assert events[-1] == b"data: [DONE]\n\n"
    assert all(event.startswith(b"data: ") and event.endswith(b"\n\n") and event.count(b"\n") == 2 for event in events)
    assert list(events_of(completion(), done=False)) == events[:-1]


def test_json_lines_end_with_an_empty_line() -> None:
    """LMI's stream is the same chunks, one a line, then an empty line instead of [DONE]."""
    made = completion(n=2)
    lines = b"".join(dialect.json_lines(dialect.chunks(made))).decode().split("\n")
    events = [event.decode()[6:-2] for event in events_of(made, done=False)]
    assert lines == [*events, "", ""]
    assert all(json.loads(line)["object"] == "chat.completion.chunk" for line in events)


def test_fields_that_openai_does_not_know_are_there() -> None:
    """VLLM's own fields are in the answer, for what must pass through untouched."""
    document = json.loads(dialect.document(completion()))
    assert "prompt_logprobs" in document
    assert "stop_reason" in document["choices"][0]
