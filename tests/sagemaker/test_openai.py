"""The dialect of containers that speak OpenAI's chat format."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import ContextLengthExceeded, RateLimited, UpstreamError, UpstreamFailed
from extproc.openai.call import Call
from extproc.openai.sse import PayloadFault
from extproc.openai.template import PROBE
from extproc.routing.targets import Target
from extproc.sagemaker import openai

CALL = Call("m", stream=True, include_usage=False, document={"model": "m", "messages": []})
TARGET = Target(id="t", endpoint="e", models=("m",), region="us-east-1")


def chunk(text: str | None, index: int = 0, finish_reason: str | None = None) -> dict[str, Any]:
    """A chunk of a container's."""
    delta = {} if text is None else {"content": text}
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}]}


def sse(*chunks: dict[str, Any], done: bool) -> bytes:
    """A payload as vLLM writes it."""
    return b"".join(b"data: " + orjson.dumps(c) + b"\n\n" for c in chunks) + (b"data: [DONE]\n\n" if done else b"")


def lines(*chunks: dict[str, Any]) -> bytes:
    """A payload as LMI's async handler writes it."""
    return b"".join(orjson.dumps(c) + b"\n" for c in chunks) + b"\n"


USAGE = {"choices": [], "usage": {"total_tokens": 3}}
END = chunk(None, finish_reason="stop")
COMPLETE = {
    "vLLM": sse(chunk("a"), END, USAGE, done=True),
    "[DONE] alone is an end": sse(chunk("a"), done=True),
    "LMI": lines(chunk("a"), END),
    "LMI with usage after the end": lines(chunk("a"), END, USAGE),
    "SSE without [DONE]": sse(chunk("a"), END, done=False),
    "two choices": lines(chunk("a", 0), chunk("b", 1), chunk(None, 1, "stop"), chunk("c", 0, "length")),
    "a finish in the last words": lines(chunk("a", 0, "stop")),
}
TRUNCATED = {
    "nothing at all": b"",
    "only a comment": b": ping\n\n",
    "no finish": sse(chunk("a"), done=False),
    "an empty finish_reason": lines(chunk("a", 0, "")),
    "one choice of two": lines(chunk("a", 0), chunk("b", 1), chunk(None, 1, "stop")),
    "usage only": lines(USAGE),
    "[DONE] without a choice": sse(USAGE, done=True),
}


def stream(payload: bytes, cuts: list[int] | None = None) -> tuple[list[Any], bool]:
    """The chunks of a payload cut there, and whether it was complete."""
    edges = [0, *sorted(cut % (len(payload) + 1) for cut in cuts or ()), len(payload)]
    translation = openai.stream(CALL, TARGET)
    chunks = [c for a, b in pairwise(edges) for c in translation.feed(payload[a:b])]
    return chunks + translation.finish(), translation.complete


@pytest.mark.parametrize("name", COMPLETE)
def test_a_whole_answer_is_complete(name: str) -> None:
    """[DONE], or a finish of every choice, is the end of an answer."""
    chunks, complete = stream(COMPLETE[name])
    assert complete
    assert chunks[0]["choices"][0]["delta"] == {"content": "a"}


@pytest.mark.parametrize("name", TRUNCATED)
def test_a_truncated_answer_is_not(name: str) -> None:
    """SageMaker ends a truncated stream like a whole one: only the container's own words tell."""
    assert not stream(TRUNCATED[name])[1]


@given(st.sampled_from([*COMPLETE.values(), *TRUNCATED.values()]), st.lists(st.integers(0, 500)))
def test_where_the_payload_is_cut_means_nothing(payload: bytes, cuts: list[int]) -> None:
    """Parts may end anywhere."""
    assert stream(payload, cuts) == stream(payload)


def test_nothing_is_read_after_done() -> None:
    """What a container writes after its end is not an answer."""
    chunks, complete = stream(sse(chunk("a"), done=True) + b"garbage that is no JSON\n")
    assert (len(chunks), complete) == (1, True)


def test_garbage_is_a_fault() -> None:
    """A payload that is no payload is told apart from an end."""
    with pytest.raises(PayloadFault):
        stream(b"Internal Server Error\n")


def test_a_whole_completion_in_a_stream_is_one_chunk() -> None:
    """A container that ignores `stream` is served all the same."""
    tool_calls = [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]
    message = {"role": "assistant", "content": "Hi", "tool_calls": tool_calls}
    whole = {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    (only,), complete = stream(orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    assert complete
    assert only["choices"] == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "Hi", "tool_calls": [{**tool_calls[0], "index": 0}]},
            "finish_reason": "stop",
        }
    ]


NO_ANSWER = {
    "empty": (b"", UpstreamFailed, "model_error"),
    "prose": (b"Internal Server Error", UpstreamFailed, "model_error"),
    "null": (b"null", UpstreamFailed, "model_error"),
    "an array": (b'[{"generated_text": "hi"}]', UpstreamFailed, "model_error"),
    "another dialect": (b'{"generated_text": "hi"}', UpstreamFailed, "model_error"),
    "no choices": (b'{"choices": []}', UpstreamFailed, "model_error"),
    "a failed generation": (
        b'{"choices": [{"message": {"content": ""}, "finish_reason": "error"}]}',
        UpstreamFailed,
        "model_error",
    ),
    "an error with status 200": (b'{"error": "boom", "code": 424}', UpstreamFailed, "model_error"),
    "overload with status 200": (b'{"error": "full", "error_type": "overloaded"}', RateLimited, "rate_limit_exceeded"),
    "overflow with status 200": (
        b'{"object": "error", "message": "maximum context length is 10 tokens", "code": 400}',
        ContextLengthExceeded,
        "context_length_exceeded",
    ),
}


@pytest.mark.parametrize("name", NO_ANSWER)
def test_what_is_no_answer_is_the_upstreams_failure(name: str) -> None:
    """Whatever a container answers with status 200, the client gets a completion or an error."""
    body, kind, code = NO_ANSWER[name]
    with pytest.raises((UpstreamError, ContextLengthExceeded)) as failed:
        openai.response(body, CALL, TARGET)
    assert type(failed.value) is kind
    assert failed.value.openai_code == code
    assert failed.value.detail


@pytest.mark.parametrize("payload", [sse(chunk("a"), done=False), lines(chunk("a")), b"event: x\n" + lines(chunk("a"))])
@given(text=st.text(min_size=1))
def test_the_bytes_around_a_text_are_a_chunk_with_any(payload: bytes, text: str) -> None:
    """With whatever text between them they are that chunk with that text, and nothing else is under way."""
    translation = openai.stream(CALL, TARGET)
    chunks = translation.feed(payload)
    found = translation.template(payload, "content")
    assert chunks == [chunk("a")]
    assert found is not None
    assert found[1] == chunk(PROBE)
    assert translation.at_rest
    assert translation.feed(found[0].write(text)) == [chunk(text)]
    assert translation.at_rest


ODD = {
    "two chunks": sse(chunk("a"), chunk("b"), done=False),
    "an end": sse(chunk("a"), done=True),
    "two choices": orjson.dumps({"choices": [*chunk("a")["choices"], *chunk("b", 1)["choices"]]}) + b"\n",
    "another name": lines({"choices": [{"delta": {"reasoning": "a"}}]}),
    "more in the delta": lines({"choices": [{"delta": {"content": "a", "role": "assistant"}}]}),
    "the name elsewhere": lines({"choices": [{"delta": {"content": "a"}}], "usage": {"content": "b"}}),
    "the name twice": b'{"choices": [{"delta": {"content": "a"}, "delta": {"content": null}}]}\n',
    "a completion": lines({"choices": [{"text": "a"}]}),
    "half an event": sse(chunk("a"), done=False)[:-9],
    "no end of its line": orjson.dumps(chunk("a")),
    "an error's event": b"event: error\n" + lines(chunk("a")),
    "no payload": b'"content": "a"\n',
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_more_than_a_chunk_with_a_text_has_no_such_bytes(name: str) -> None:
    """Then every payload is read."""
    assert openai.stream(CALL, TARGET).template(ODD[name], "content") is None


def test_nothing_rests_behind_the_end() -> None:
    """After [DONE] nothing more is a chunk."""
    translation = openai.stream(CALL, TARGET)
    translation.feed(sse(chunk("a"), done=True))
    assert not translation.at_rest
