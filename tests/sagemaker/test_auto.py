"""`format: auto`: answers of any shape to OpenAI's request; tests/tables/chat_auto_*.json has its rows."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import UpstreamFailed
from extproc.openai.call import Call
from extproc.openai.sse import PayloadFault
from extproc.routing.targets import Target
from extproc.sagemaker import auto, openai

CALL = Call("m", True, False, {"messages": [{"role": "user", "content": "Hi"}]})
TARGET = Target(id="t", endpoint="e", models=("m",), region="us-east-1")
CHUNKS = [
    {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]
TOKENS = [{"token": {"text": "a"}}, {"token": {"text": ""}, "generated_text": "a"}]
OPENAI = b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in CHUNKS) + b"data: [DONE]\n\n"
ANSWERS = {
    "SSE": b": ping\n\n" + OPENAI,
    "JSON lines": b"".join(orjson.dumps(chunk) + b"\n" for chunk in CHUNKS),
    "tokens": b"\n:\n" + b"".join(orjson.dumps(token) + b"\n" for token in TOKENS),
    "a whole text": b'[{"generated_text": "a"}]',
    "outputs": b'{"outputs": ["a"]}\n',
    "Bedrock": b'{"body": {"generation": "a", "stop_reason": "stop"}}\n',
}


def stream(payload: bytes, cuts: list[int]) -> tuple[str, bool]:
    """The text of a payload cut there, and whether it was complete."""
    edges = [0, *sorted(cut % (len(payload) + 1) for cut in cuts), len(payload)]
    translation = auto.stream(CALL, TARGET)
    chunks = [chunk for a, b in pairwise(edges) for chunk in translation.feed(payload[a:b])] + translation.finish()
    return "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"]), translation.complete


@pytest.mark.parametrize("name", ANSWERS)
@given(cuts=st.lists(st.integers(0, 300), max_size=5))
def test_a_stream_is_read_as_what_it_is(name: str, cuts: list[int]) -> None:
    """The first document decides, wherever it is cut."""
    assert stream(ANSWERS[name], cuts) == ("a", True)


@pytest.mark.parametrize("payload", [b"", b":\n\n", b'{"token": {"text": ""}}\n', OPENAI[:40] + b"}]}\n"])
def test_a_truncated_stream_is_not_complete(payload: bytes) -> None:
    """Of whatever shape; a payload that breaks off inside a document is a fault besides."""
    translation = auto.stream(CALL, TARGET)
    with contextlib.suppress(PayloadFault, UpstreamFailed):
        translation.feed(payload)
        translation.finish()
    assert not translation.complete


def test_an_error_first_is_passed_to_who_judges_it() -> None:
    """Before any document of an answer, too."""
    assert auto.stream(CALL, TARGET).feed(b'{"error": "boom", "code": 424}\n') == [{"error": "boom", "code": 424}]


def test_requests_never_guess() -> None:
    """The very function of the OpenAI dialect."""
    assert auto.request is openai.request


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"text": "a"}'], ids=str)
def test_what_is_neither_is_a_failure(body: bytes) -> None:
    """Never an empty answer."""
    with pytest.raises(UpstreamFailed):
        auto.response(body, CALL, TARGET)


def test_only_chunks_of_openai_have_bytes_around_their_texts() -> None:
    """A stream of tokens has none, and neither is one before its first document."""
    chunk = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
    chunks, tokens = auto.stream(CALL, TARGET), auto.stream(CALL, TARGET)
    assert (chunks.at_rest, chunks.template(chunk, "content")) == (False, None)
    chunks.feed(chunk)
    found = chunks.template(chunk, "content")
    assert chunks.at_rest
    assert found is not None
    assert chunks.feed(found[0].write("b")) == [{"choices": [{"index": 0, "delta": {"content": "b"}}]}]
    tokens.feed(b'{"token": {"text": "a"}}\n')
    assert (tokens.at_rest, tokens.template(chunk, "content")) == (False, None)
