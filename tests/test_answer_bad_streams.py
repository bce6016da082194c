"""Streams of every container as nobody should send them: cut, damaged, out of order, full of keep-alives, without end.

What a container writes is taken from the emulator's. A stream that is not damaged gives the client the same bytes
however it comes; of one that is, nothing worse is made than an error event.
"""

from __future__ import annotations

import contextlib
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.answer import StreamedAnswer, whole
from extproc.ask import Asked
from extproc.emulator import answer as emulated
from extproc.emulator.container import complete
from extproc.emulator.framing import EMPTY, UNKNOWN
from extproc.emulator.knobs import Knobs
from extproc.emulator.text_events import Said
from extproc.emulator.text_generation import PERSONALITIES
from extproc.errors import GatewayError
from extproc.openai import chat
from extproc.policies.chain import Chain
from extproc.policies.table import build
from extproc.record import ExchangeRecord
from extproc.sagemaker.eventstream import encode
from extproc.testing import NOW, chat_body, frame, make_target

TOKENS = ("Grüße", " an", " jo@example", ".com", " 日本語", " 🙂", " und", " Ende")
TEXT = "Grüße an [EMAIL_REDACTED] 日本語 🙂 und Ende"
# Emulated container → the target's format.
TEXTUAL = {
    "tgi": "tgi",
    "tgi-nospace": "tgi",
    "lmi": "lmi",
    "lmi-rolling": "lmi",
    "lmi-dynamic": "lmi-dynamic-batch",
    "llama2": "jumpstart-llama2",
    "bedrock": "bedrock-marketplace",
}
CHAIN = Chain((build("pii-detector", {}),))


def events_of(kind: str, tokens: Sequence[str] = TOKENS) -> list[bytes]:
    """The events of a container's stream that says these tokens."""
    if kind in TEXTUAL:
        return list(PERSONALITIES[kind].events(Said(tuple(tokens), "stop", 5, details=True)))
    asked = {"messages": [{"role": "user", "content": "".join(tokens)}], "stream": True}
    return list(emulated.events(complete(asked, Knobs(), "m", 7, 1), kind)[1])


# Name → how the target is set up, and the container's stream. A whole answer over many lines is one of them.
PRETTY = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "".join(TOKENS)}, "finish_reason": "stop"}]
}
STREAMS: dict[str, tuple[str, list[bytes]]] = {
    **{kind: ("openai", events_of(kind)) for kind in ("chat", "jsonlines", "no-done")},
    "one pretty answer": ("openai", orjson.dumps(PRETTY, option=orjson.OPT_INDENT_2).splitlines(keepends=True)),
    **{kind: (dialect, events_of(kind)) for kind, dialect in TEXTUAL.items()},
    **{f"auto, {kind}": ("auto", events_of(kind)) for kind in ("chat", "jsonlines", *TEXTUAL)},
}
NAMES = st.sampled_from(sorted(STREAMS))


def fresh(dialect: str, *, framed: bool) -> StreamedAnswer:
    """A stream that begins, its client asking for usage, behind a policy that redacts."""
    call = chat.parse(chat_body("Hi", stream=True, stream_options={"include_usage": True}).body)
    target = make_target(format=dialect, prompt_template="llama3")
    record = ExchangeRecord(started=NOW, config={}, request_id="r")
    return StreamedAnswer(
        Asked(call, (target,), b"", (), {}), target, guard=CHAIN.guard(), record=record, framed=framed
    )


def result(dialect: str, pieces: Sequence[bytes], *, framed: bool) -> bytes:
    """What a client gets of a stream that comes in these pieces."""
    stream = fresh(dialect, framed=framed)
    got = b"".join(stream.push(piece, last=False) for piece in pieces) + stream.push(b"", last=True)
    assert stream.ended
    return got


def documents(got: bytes) -> list[Any]:
    """The events' documents, [DONE] as itself, after checking how they are written."""
    *events, end = got.split(b"\n\n")
    assert end == b""
    assert all(event.startswith(b"data: ") and b"\n" not in event for event in events)
    payloads = [event.removeprefix(b"data: ") for event in events]
    return ["[DONE]" if payload == b"[DONE]" else orjson.loads(payload) for payload in payloads]


def text(got: bytes) -> str:
    """The content of a stream's chunks, added up."""
    choices = [choice for chunk in documents(got)[:-1] for choice in chunk["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def split(content: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes in pieces, which may be empty."""
    edges = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    return [content[start:end] for start, end in pairwise(edges)]


CUTS = st.lists(st.integers(0, 10_000), max_size=12)


@pytest.mark.parametrize("name", STREAMS)
def test_every_containers_stream_is_understood(name: str) -> None:
    """The properties below are about streams that are right: the text, redacted, and [DONE]."""
    dialect, events = STREAMS[name]
    got = result(dialect, [frame(event) for event in events], framed=True)
    assert text(got) == TEXT
    assert documents(got)[-1] == "[DONE]"


@given(NAMES, CUTS, CUTS)
def test_no_cut_makes_a_difference(name: str, parts: list[int], network: list[int]) -> None:
    """SageMaker may end its parts anywhere and the network its pieces, with framing and without."""
    dialect, events = STREAMS[name]
    payload = b"".join(events)
    expected = result(dialect, [payload], framed=False)
    framed = b"".join(frame(piece) for piece in split(payload, parts))
    assert result(dialect, split(framed, network), framed=True) == expected
    assert result(dialect, split(payload, network), framed=False) == expected


NOISE = (
    b"\n",
    b"\r\n",
    b" \n",
    b":\n",
    b": ping\n\n",
    b":\n\n",
    b"event: message\n",
    b"id: 7\n",
    b"retry: 9\n",
    b"data:\n\n",
)


@given(NAMES, st.data())
def test_keep_alives_and_blank_lines_make_no_difference(name: str, draw: st.DataObject) -> None:
    """Any number of them, in any order, between any two lines of any container's stream."""
    dialect, events = STREAMS[name]
    lines = b"".join(events).splitlines(keepends=True)
    noise = draw.draw(st.lists(st.lists(st.sampled_from(NOISE), max_size=3), min_size=len(lines), max_size=len(lines)))
    noisy = b"".join(b"".join(before) + line for before, line in zip(noise, lines, strict=True))
    assert result(dialect, [noisy], framed=False) == result(dialect, events, framed=False)


@given(NAMES, st.lists(st.tuples(st.integers(0, 99), st.sampled_from([EMPTY, UNKNOWN])), max_size=8))
def test_empty_frames_and_those_of_unknown_types_make_no_difference(name: str, more: list[tuple[int, bytes]]) -> None:
    """Wherever they come between the others."""
    dialect, events = STREAMS[name]
    frames = [frame(event) for event in events]
    expected = result(dialect, frames, framed=True)
    for at, extra in more:
        frames.insert(at % (len(frames) + 1), extra)
    assert result(dialect, frames, framed=True) == expected


def check(got: bytes, size: int) -> None:
    """Whatever came in: events that SDKs can read, [DONE] or one error at the end and never both, and no flood."""
    *chunks, last = documents(got)
    assert all("choices" in chunk for chunk in chunks)
    assert last == "[DONE]" or set(last["error"]) >= {"message", "type", "param", "code"}
    # An event of ours repeats the envelope; the shortest of a container's is {"outputs":[""]}.
    assert len(got) <= 40 * size + 2_000


DAMAGE = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 4), st.binary(max_size=4)), min_size=1, max_size=5)


def damaged(content: bytes, damage: list[tuple[int, int, bytes]]) -> bytes:
    """The bytes with some of them replaced by others, or by fewer or more."""
    changed = bytearray(content)
    for at, length, data in damage:
        start = at % (len(changed) + 1)
        changed[start : start + length] = data
    return bytes(changed)


@given(NAMES, DAMAGE, CUTS)
def test_no_damage_to_a_payload_is_a_surprise(name: str, damage: list[tuple[int, int, bytes]], cuts: list[int]) -> None:
    """A container that writes nonsense gets its client an answer or an error, the same however it is cut."""
    dialect, events = STREAMS[name]
    payload = damaged(b"".join(events), damage)
    got = result(dialect, [payload], framed=False)
    check(got, len(payload))
    assert result(dialect, split(payload, cuts), framed=False) == got


@given(NAMES, DAMAGE, CUTS)
def test_no_damage_to_frames_passes(name: str, damage: list[tuple[int, int, bytes]], cuts: list[int]) -> None:
    """Checksums tell: a stream whose frames were altered on the way ends in an error, the same however it is cut."""
    dialect, events = STREAMS[name]
    framed = b"".join(frame(event) for event in events)
    broken = damaged(framed, damage)
    got = result(dialect, [broken], framed=True)
    check(got, len(broken))
    assert result(dialect, split(broken, cuts), framed=True) == got
    intact = result(dialect, [framed], framed=True)
    assert b'"error"' in got or got == intact


@given(NAMES, st.data())
def test_frames_in_any_order_are_no_surprise(name: str, draw: st.DataObject) -> None:
    """Lost, repeated and exchanged frames make another answer or an error, and raise nothing."""
    dialect, events = STREAMS[name]
    frames = [frame(event) for event in events]
    chosen = draw.draw(st.lists(st.sampled_from(frames), max_size=2 * len(frames)))
    check(result(dialect, chosen, framed=True), sum(map(len, chosen)))


@given(st.sampled_from(["openai", "auto", *sorted(set(TEXTUAL.values()))]), st.binary(max_size=80), st.booleans())
def test_no_bytes_are_a_surprise(dialect: str, content: bytes, framed: bool) -> None:
    """Not even those that no container would write."""
    check(result(dialect, [content], framed=framed), len(content))


KEYS = st.sampled_from(
    [
        *(
            "choices",
            "index",
            "delta",
            "message",
            "content",
            "reasoning_content",
            "tool_calls",
            "function",
            "arguments",
        ),
        *(
            "name",
            "id",
            "type",
            "text",
            "finish_reason",
            "logprobs",
            "token_ids",
            "usage",
            "completion_tokens",
            "object",
        ),
        *("error", "code", "token", "generated_text", "details", "generation", "outputs", "body", "stop_reason", "x y"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 200) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
CHUNKS = st.fixed_dictionaries({"choices": st.lists(st.dictionaries(KEYS, JSON, max_size=4), max_size=3)})
DIALECTS = st.sampled_from(["openai", "auto", *sorted(set(TEXTUAL.values()))])


@example("openai", [{"choices": [{"message": {"tool_calls": 1.0}}]}])
@given(DIALECTS, st.lists(CHUNKS | st.dictionaries(KEYS, JSON, max_size=5), max_size=5))
def test_no_document_is_a_surprise(dialect: str, given_documents: list[dict[str, Any]]) -> None:
    """Any JSON under the known names, streamed or whole, becomes an answer or an error of ours."""
    payload = b"".join(orjson.dumps(document) + b"\n" for document in given_documents)
    check(result(dialect, [payload], framed=False), len(payload))
    call, target = chat.parse(chat_body("Hi").body), make_target(format=dialect, prompt_template="llama3")
    for document in given_documents:
        asked, record = Asked(call, (target,), b"", (), {}), ExchangeRecord(started=NOW, config={})
        with contextlib.suppress(GatewayError):
            got = whole(orjson.dumps(document), asked=asked, target=target, guard=CHAIN.guard(), record=record)
            assert orjson.loads(got)["choices"]


HEADERS = st.dictionaries(
    st.sampled_from([":message-type", ":event-type", ":exception-type", ":error-code", ":error-message", "x"]),
    st.sampled_from(["event", "exception", "error", "PayloadPart", "ThrottlingException"])
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.booleans(),
    max_size=5,
)


@given(
    NAMES, st.lists(st.tuples(st.integers(0, 99), HEADERS, st.binary(max_size=20) | JSON.map(orjson.dumps)), max_size=4)
)
def test_no_frame_is_a_surprise(name: str, more: list[tuple[int, dict[str, Any], bytes]]) -> None:
    """Frames of any type, with headers and a payload of any kind, between those of an answer."""
    dialect, events = STREAMS[name]
    frames = [frame(event) for event in events]
    for at, headers, payload in more:
        frames.insert(at % (len(frames) + 1), encode(headers, payload))
    check(result(dialect, frames, framed=True), sum(map(len, frames)))


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "one pretty answer"])
def test_a_long_stream_takes_no_more_memory_than_a_short_one(name: str) -> None:
    """Of what has passed nothing is kept: words, redactions and counts of a stream that goes on and on."""
    dialect = STREAMS[name][0]
    tokens = [token for _ in range(600) for token in (" bob@example.com", " word")]
    stream = fresh(dialect, framed=True)
    frames = [frame(event) for event in events_of(name.removeprefix("auto, "), tokens)]
    third = len(frames) // 3
    held = []
    tracemalloc.start()
    for start in (0, third):
        for piece in frames[start : start + third]:
            assert b'"error"' not in stream.push(piece, last=False)
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert not stream.ended
    assert held[1] - held[0] < 20_000


def chunk(delta: dict[str, Any], index: int = 0, **fields: Any) -> bytes:
    """A chunk of OpenAI's, as a container writes it."""
    choice = {"index": index, "delta": delta, "finish_reason": None, **fields}
    return b"data: " + orjson.dumps({"choices": [choice]}) + b"\n\n"


# Streams in which much is held or remembered → the chunk of that number.
BUSY: dict[str, Callable[[int], bytes]] = {
    "words": lambda _: chunk({"content": " word"}),
    "an address without an end": lambda _: chunk({"content": "a@b."}),
    "redactions": lambda _: chunk({"content": " bob@example.com"}),
    "probabilities of held text": lambda at: chunk(
        {"content": "" if at else "bob@examp"}, logprobs={"content": [{"token": "", "logprob": 0}]}
    ),
    "many choices": lambda at: chunk({"content": " word"}, at % 100),
    "many fields": lambda at: chunk({f"x{at % 100}": " word"}),
    "many calls": lambda at: chunk({"tool_calls": [{"index": at // 12, "function": {"arguments": " 1"}}]}),
    "calls one after the other": lambda at: chunk(
        {"tool_calls": [{"index": 0, "id": f"c{at}", "function": {"name": "f", "arguments": "{}"}}]}
    ),
}


@pytest.mark.parametrize("name", BUSY)
def test_the_work_is_linear_in_the_chunks(name: str) -> None:
    """Twice the chunks are twice the work, counted in calls of functions."""

    def work(count: int) -> int:
        stream, calls = fresh("openai", framed=False), 0

        def counting(_: object, event: str, __: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        pieces = [BUSY[name](at) for at in range(count)]
        before = sys.getprofile()
        sys.setprofile(counting)
        try:
            for piece in pieces:
                stream.push(piece, last=False)
        finally:
            sys.setprofile(before)
        assert not stream.ended
        return calls

    work(300)
    assert 0 < work(1_200) <= 2.2 * work(600)
