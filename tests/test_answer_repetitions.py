"""Chunks that come again and again with another text: to the client they are what they would be one by one."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.answer import StreamedAnswer
from extproc.ask import Asked
from extproc.openai import chat, completions
from extproc.openai.call import Call
from extproc.policies.chain import Chain
from extproc.policies.table import build
from extproc.record import ExchangeRecord
from extproc.sagemaker.eventstream import encode
from extproc.testing import NOW, chat_body, frame, make_target

WORDS = [
    {"name": "fatal", "regex": "FATAL", "action": "block"},
    {"name": "word", "regex": "SECRET", "action": "redact"},
]
CHAIN = Chain((build("pii-detector", {}), build("dlp-filter", {"patterns": WORDS})))
CHAT = chat.parse(chat_body("Hi", stream=True).body)
COMPLETION = completions.parse(b'{"model": "model", "prompt": "Hi", "stream": true}')
OTHER_FRAME = encode({":message-type": "event", ":event-type": "Other"}, b"x")
HEAD = {"id": "c-1", "object": "chat.completion.chunk", "created": 5, "model": "m"}


def chunk(text: str, name: str = "content", **fields: Any) -> dict[str, Any]:
    """A chunk of one choice; `part` among the fields is what else that holds."""
    more = fields.pop("part", {})
    return {**HEAD, "choices": [{"index": 0, "delta": {name: text}, "finish_reason": None, **more}], **fields}


def answering(call: Call = CHAT, *, framed: bool = True, dialect: str = "openai") -> StreamedAnswer:
    """A stream that nothing has come of."""
    target = make_target(format=dialect)
    record = ExchangeRecord(started=NOW, config={}, request_id="r")
    return StreamedAnswer(
        Asked(call, (target,), b"", (), {}), target, guard=CHAIN.guard(), record=record, framed=framed
    )


def sent(pieces: list[bytes], *, forgetting: bool, **fields: Any) -> list[object]:
    """What goes to the client at each piece, and how it ends; `forgetting`: each piece is read as if it were new."""
    answer = answering(**fields)
    told: list[object] = []
    for at, piece in enumerate(pieces):
        if forgetting:
            answer._is_part, answer._recurring = False, []
        told.append(answer.push(piece, last=at == len(pieces) - 1))
    relay = answer._relay
    return [*told, answer.ended, repr(answer.error), relay.completion_characters, repr(answer._record)]


LOGPROBS = {"content": [{"token": "a"}]}
AFTER_FOUR = {
    "a block, with what stood before it": [chunk("so FAT"), chunk("AL, more"), chunk("more")],
    "a block in one piece": [chunk("it is FATAL"), chunk("more")],
    "a redaction": [chunk("a SEC"), chunk("RET, "), chunk("more")],
    "probabilities that wait for their text": [chunk("jane@", part={"logprobs": LOGPROBS}), chunk("! "), chunk("So! ")],
    "another id": [chunk("b", id="c-2"), chunk("c"), chunk("jane@")],
    "another choice's id, and a block": [chunk("b", id="c-2", part={"index": 1}), chunk("so FAT"), chunk("AL")],
    "another choice's id, and text held to the end": [chunk("b", id="c-2", part={"index": 1}), chunk("jane@")],
    "text behind the end": [chunk("b", part={"finish_reason": "stop"}), chunk("c"), chunk("d")],
    "an end, and another choice": [chunk("b", part={"finish_reason": "stop"}), chunk("c", part={"index": 1})],
}


@pytest.mark.parametrize("name", AFTER_FOUR)
def test_what_comes_of_a_repetition(name: str) -> None:
    """It is blocked, redacted, held and refused as any chunk."""
    chunks = [*[chunk("word ")] * 4, *AFTER_FOUR[name]]
    pieces = [frame(b"data: " + orjson.dumps(each) + b"\n\n") for each in chunks] + [frame(b"data: [DONE]\n\n")]
    assert sent(pieces, forgetting=False) == sent(pieces, forgetting=True)


def test_frames_of_another_kind_are_skipped() -> None:
    """Though one is as the last frame was; and then payload comes again."""
    answer = answering()
    payload = frame(b"data: " + orjson.dumps(chunk("! ")) + b"\n\n")
    expected = answering().push(payload, last=False)
    assert expected != b""
    assert [answer.push(piece, last=False) for piece in (OTHER_FRAME, OTHER_FRAME, payload)] == [b"", b"", expected]


STYLES = {
    "compact": orjson.dumps,
    "spaces and escapes": lambda document: json.dumps(document).encode(),
    "spaces": lambda document: json.dumps(document, ensure_ascii=False).encode(),
}
LAYOUTS = (b"data: %s\n\n", b"data:%s\n\n", b"%s\n", b"data: %s\r\n\r\n", b"data: %s\n", b"id: 1\ndata: %s\n\n")
PIECES = (
    "a",
    "word ",
    "SEC",
    "RET",
    "jane@exam",
    "ple.com ",
    " 078-05-",
    "1120 ",
    '"q"',
    "\\n",
    "é",
    "🙂",
    "\u200b",
    "",
)
ORDINARY = st.builds(lambda text, index: chunk(text, part={"index": index}), st.sampled_from(PIECES), st.integers(0, 1))
OTHER = st.builds(
    lambda text, fields: chunk(text, **copy.deepcopy(fields)),
    st.sampled_from((*PIECES, "FAT", "AL", PIECES[0] * 50)),
    st.sampled_from(
        [
            {"name": "reasoning"},
            {"created": 6},
            {"created": None},
            {"id": "no name"},
            {"note": "SEC"},
            {"usage": {"prompt_tokens": 1}},
            {"error": "boom"},
            {"choices": []},
            {"part": {"index": 1}},
            {"part": {"logprobs": {"content": []}}},
            {"part": {"finish_reason": "stop"}},
            {"part": {"delta": {"role": "assistant", "content": "a"}}},
            {"part": {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}}},
            {"part": {"delta": {"note": {"content": "SEC"}, "content": "b"}}},
            {"part": {"text": "SEC"}},
        ]
    ),
)
BETWEEN = (
    b"event: error\n",
    b"data: {\n",
    b": ping\n\n",
    b"garbage\n",
    b'data: {"content": "\xff"}\n',
    b"data: [DONE]\n\n",
)


CHUNKS = st.lists(st.one_of(*[ORDINARY] * 4, OTHER, st.sampled_from(BETWEEN)), max_size=25)
CONTAINERS = st.tuples(st.sampled_from(sorted(STYLES)), st.sampled_from(LAYOUTS), st.sampled_from(["openai", "auto"]))
CARRIERS = st.sampled_from(["frames", "frames of another kind between", "bare"])


@given(CHUNKS, CONTAINERS, CARRIERS, st.sampled_from([CHAT, COMPLETION]))
def test_a_repetition_is_sent_as_any_chunk(
    chunks: list[dict[str, Any] | bytes], container: tuple[str, bytes, str], carrier: str, call: Call
) -> None:
    """At every piece the client gets the same bytes as when each is read as if it were the first of its kind."""
    style, layout, dialect = container
    write = STYLES[style]
    payloads = [each if isinstance(each, bytes) else layout % write(each) for each in (*[chunk("a")] * 4, *chunks)]
    framed = carrier != "bare"
    pieces = [frame(payload) for payload in payloads] if framed else payloads
    if carrier == "frames of another kind between":
        pieces[5:5] = [OTHER_FRAME, OTHER_FRAME]
    asked: dict[str, Any] = {"call": call, "framed": framed, "dialect": dialect}
    assert sent(pieces, forgetting=False, **asked) == sent(pieces, forgetting=True, **asked)


@pytest.mark.parametrize("dialect", ["openai", "auto"])
@pytest.mark.parametrize("call", [CHAT, COMPLETION], ids=["chat", "completion"])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_nearly_all_of_a_stream_is_not_read_as_documents(
    layout: bytes, style: str, call: Call, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the third chunk on only the texts are, until a chunk says something else; in every container's style."""
    answer = answering(call, dialect=dialect)
    read: list[bytes] = []
    feed = answer._payload.feed
    monkeypatch.setattr(answer._payload, "feed", lambda payload: (read.append(payload), feed(payload))[1])
    write = STYLES[style]
    texts = ["The ", "report, ", "the ", "Gr\u00fc\u00dfe. ", "And ", "more, "]
    payloads = [layout % write(chunk(text)) for text in texts]
    got = b"".join(answer.push(frame(payload), last=False) for payload in payloads)
    assert read == payloads[:2]
    answer.push(frame(layout % write(chunk("else", created=6))), last=False)
    assert len(read) == 3
    events = [orjson.loads(event.removeprefix(b"data: "))["choices"][0] for event in got.split(b"\n\n") if event]
    told = [event["text"] if call is COMPLETION else event["delta"]["content"] for event in events]
    assert "".join(told) == "".join(texts)


@pytest.mark.parametrize(("choices", "read"), [(1, 2), (4, 8), (5, 8 + 5)])
def test_choices_take_turns(choices: int, read: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of up to four choices two chunks each are read as documents; of one more, all."""
    answer = answering()
    counted: list[bytes] = []
    feed = answer._payload.feed
    monkeypatch.setattr(answer._payload, "feed", lambda payload: (counted.append(payload), feed(payload))[1])
    for text in ("one ", "two ", "three ", "four ", "five "):
        for index in range(choices):
            answer.push(frame(orjson.dumps(chunk(text, part={"index": index})) + b"\n"), last=False)
    assert len(counted) == read
    assert [answer._relay._choices[index].characters for index in range(choices)] == [24] * choices


def test_a_chunk_that_changes_is_known_anew() -> None:
    """One choice has one such chunk at a time: a stream does not remember more and more of them."""
    answer = answering()
    for created in range(20):
        for text in ("one ", "two ", "three "):
            answer.push(frame(orjson.dumps(chunk(text, created=created)) + b"\n"), last=False)
    assert len(answer._recurring) == 1
    assert b'"created":19,' in answer._recurring[0].sent.before
