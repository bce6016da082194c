"""Events as they are written for clients, and payloads as containers write them."""

from __future__ import annotations

import contextlib
import tracemalloc
from itertools import pairwise
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import UpstreamFailed
from extproc.openai import sse
from extproc.openai.document import read_value
from extproc.openai.sse import DONE, DONE_EVENT, PayloadFault, PayloadReader, comment, error_event, event

PAYLOADS = {
    "vLLM": (b'data: {"a": 1}\n\ndata: {"a": 2}\n\ndata: [DONE]\n\n', [{"a": 1}, {"a": 2}, DONE]),
    "no space": (b'data:{"a": 1}\n\ndata:[DONE]\n\n', [{"a": 1}, DONE]),
    "CRLF": (b'data: {"a": 1}\r\n\r\ndata: [DONE]\r\n\r\n', [{"a": 1}, DONE]),
    "comments": (b':\n\n: ping\n\ndata: {"a": 1}\n\n', [{"a": 1}]),
    "event, id and retry": (b'event: message\nid: 7\nretry: 100\ndata: {"a": 1}\n\n', [{"a": 1}]),
    "fields unknown to all": (b'x-trace: 1\nid\nevent\ndata\ndata: {"a": 1}\nseq:2\n\n', [{"a": 1}]),
    "an error by its event": (b'event: error\r\ndata: {"a": 1}\r\n\r\ndata: {"a": 2}', [{"error": {"a": 1}}, {"a": 2}]),
    "an error twice over": (b'event:error\ndata: {"error": 1}\n\n', [{"error": 1}]),
    "an error without a word": (b"event: error\ndata: {}\n\n", [{"error": "unnamed"}]),
    "an error without data": (b'event: error\n\ndata: {"a": 1}\n\n', [{"a": 1}]),
    "JSON lines": (b'{"a": 1}\n{"a": 2}\n\n', [{"a": 1}, {"a": 2}]),
    "a last line without newline": (b'{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
    "one event without an end": (b'data: {"a": 1}', [{"a": 1}]),
    "a pretty-printed answer": (b'{\n  "a": [\n    "}{",\n    "\\""\n  ]\n}\n', [{"a": ["}{", '"']}]),
    "a pretty-printed event": (b'data: {\ndata:   "a": 1\ndata: }\n\ndata: [DONE]\n\n', [{"a": 1}, DONE]),
    "two pretty-printed": (b'{\n"a": 1\n}\n{\n"a": 2\n}', [{"a": 1}, {"a": 2}]),
    "an array of one": (b'[{"generated_text": "hi"}]', [{"generated_text": "hi"}]),
    "many bytes a character": ('data: {"a": "日本 🎉 é"}\n\n'.encode(), [{"a": "日本 🎉 é"}]),
    "a byte order mark": (b'\xef\xbb\xbfdata: {"a": 1}\n\n', [{"a": 1}]),
    "line separators inside": ('data: {"a": "x\u2028y\x85z"}\n\n'.encode(), [{"a": "x\u2028y\x85z"}]),
    "nothing": (b"", []),
    "only newlines": (b"\n\r\n\n", []),
    "data without a value": (b'data:\n\ndata: {"a": 1}\n\n', [{"a": 1}]),
}


def read(*pieces: bytes) -> list[object]:
    """Everything a reader makes of the pieces."""
    reader = PayloadReader()
    return [document for piece in pieces for document in reader.feed(piece)] + reader.finish()


@pytest.mark.parametrize("name", PAYLOADS)
def test_every_container_is_understood(name: str) -> None:
    """SSE of every style, JSON lines and whole documents give the same documents."""
    payload, documents = PAYLOADS[name]
    assert read(payload) == documents


@pytest.mark.parametrize("name", PAYLOADS)
def test_bytes_may_come_one_by_one(name: str) -> None:
    """Where a part ends means nothing, be it inside a character."""
    payload, documents = PAYLOADS[name]
    assert read(*(payload[at : at + 1] for at in range(len(payload)))) == documents


@given(st.sampled_from(sorted(PAYLOADS)), st.lists(st.integers(0, 100)))
def test_no_split_changes_what_is_read(name: str, cuts: list[int]) -> None:
    """Any cut of any payload gives the same documents."""
    payload, documents = PAYLOADS[name]
    edges = [0, *sorted(cut % (len(payload) + 1) for cut in cuts), len(payload)]
    assert read(*(payload[a:b] for a, b in pairwise(edges))) == documents


def test_an_event_is_given_as_soon_as_its_line_ends() -> None:
    """Nothing waits for the blank line, nor for the next part."""
    reader = PayloadReader()
    assert reader.feed(b'data: {"a"') == []
    assert reader.feed(b": 1}\n") == [{"a": 1}]


GARBLED = {
    "prose": b"Internal Server Error\n",
    "HTML": b"<html>\n",
    "a number": b"data: 5\n\n",
    "null": b"data: null\n\n",
    "an array of numbers": b"[1]\n",
    "an unterminated string": b'{"a": "b\n',
    "brackets that do not match": b"{]\n",
    "invalid UTF-8": b'{"a": "\xff"}\n',
    "NaN": b'{"a": NaN}\n',
    "a document cut short": b'{"a":\n',
    "a line cut short": b'data: {"a": 1',
}


@pytest.mark.parametrize("name", GARBLED)
def test_garbage_is_a_fault(name: str) -> None:
    """What is neither an event nor JSON, or ends too soon, is never mistaken for an answer."""
    with pytest.raises(PayloadFault) as fault:
        read(GARBLED[name])
    assert "Internal" not in str(fault.value)


@given(st.lists(st.integers(0, 100)))
def test_what_comes_before_garbage_is_given_at_any_split(cuts: list[int]) -> None:
    """The documents before a fault do not depend on where the bytes were cut."""
    payload = b'data: {"a": 1}\n\ndata: oops\n\ndata: {"a": 2}\n\n'
    edges = [0, *sorted(cut % (len(payload) + 1) for cut in cuts), len(payload)]
    reader, documents = PayloadReader(), []
    with pytest.raises(PayloadFault):  # noqa: PT012 - where it is raised depends on the split
        for a, b in pairwise(edges):
            documents += reader.feed(payload[a:b])
        reader.finish()
    assert documents == [{"a": 1}]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"x" * 101],
        [b"x" * 50, b"x" * 51],
        [b'data: {"a": "' + b"x" * 100 + b'"}\n'],
        [b"{\n", *[b'"a": 1,\n'] * 20],
    ],
)
def test_memory_is_bounded(pieces: list[bytes]) -> None:
    """A line, or an object over many lines, that is longer than allowed is refused while it arrives."""
    reader = PayloadReader(max_line=100)
    with pytest.raises(PayloadFault, match="over 100 bytes"):  # noqa: PT012 - which piece is one too many differs
        for piece in pieces:
            reader.feed(piece)


def test_an_object_of_short_lines_takes_its_bytes() -> None:
    """Each line as an object of its own would take twenty times as much."""
    reader = PayloadReader()
    tracemalloc.start()
    for _ in range(1_000):
        assert reader.feed(b"[[\n" * 200) == []
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2 * 600_000


class Counted(bytearray):
    """Bytes that count how many of them are searched, copied and moved."""

    work = 0

    def find(self, wanted: bytes, start: int = 0) -> int:  # type: ignore[override] - the one form that is used
        """Search, and count what was looked at."""
        at = super().find(wanted, start)
        self.work += (len(self) if at < 0 else at) - start
        return at

    def __getitem__(self, key: slice) -> bytearray:  # type: ignore[override] - slices only
        """Copy."""
        found = super().__getitem__(key)
        self.work += len(found)
        return found

    def __delitem__(self, key: Any) -> None:
        """Move what comes after."""
        super().__delitem__(key)
        self.work += len(self)


LONG = {
    "one line in single bytes": lambda size: [b"x"] * size,
    "quotes in one line": lambda size: [b'{"' + b'\\"' * (size // 2) + b"\n"],
    "short lines at once": lambda size: [b":\n" * (size // 2)],
    "short lines in single bytes": lambda size: [b":", b"\n"] * (size // 2),
    "a line that ends where the next begins": lambda size: [b": " + b"x" * 98] + [b"\n: " + b"x" * 97] * (size // 100),
    "an object over short lines": lambda size: [b"[\n"] * (size // 2),
}


@pytest.mark.parametrize("name", LONG)
def test_the_work_is_linear_in_the_bytes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the bytes are twice the work, counted in bytes: however they come, none is looked at again and again."""

    def work(size: int) -> int:
        reader, parsed = PayloadReader(), 0

        def counting(line: bytes) -> Any:
            nonlocal parsed
            parsed += len(line)
            return read_value(line)

        reader._line = counted = Counted()
        pieces = [Counted(piece) for piece in LONG[name](size)]
        monkeypatch.setattr(sse, "read_value", counting)
        with contextlib.suppress(PayloadFault):
            for piece in pieces:
                reader.feed(piece)
            reader.finish()
        return counted.work + sum(piece.work for piece in pieces) + parsed

    assert 0 < work(20_000) <= 2.1 * work(10_000)
    assert work(20_000) <= 10 * 20_000


def test_a_megabyte_of_quotes_is_read_in_linear_time() -> None:
    """An unterminated string full of escaped quotes is one fault, not a million searches."""
    with pytest.raises(PayloadFault):
        read(b'{"' + b'\\"' * 500_000 + b"\n")


def test_events_are_written_as_sdks_need_them() -> None:
    """`data:`, one line, two newlines."""
    assert event({"a": "x\ny"}) == b'data: {"a":"x\\ny"}\n\n'
    assert DONE_EVENT == b"data: [DONE]\n\n"


def test_a_comment_stays_one_comment() -> None:
    """A newline in a comment cannot begin an event."""
    assert comment("a\n\ndata: {}") == b": a data: {}\n\n"


def sdk_stream(body: bytes) -> list[str | None]:
    """What the OpenAI client makes of a stream's body."""
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    )
    with (
        httpx.Client(transport=transport) as http,
        openai.OpenAI(api_key="k", base_url="http://gateway/v1", http_client=http) as client,
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True) as stream,
    ):
        return [chunk.choices[0].delta.content for chunk in stream]


def chunk(text: str) -> bytes:
    """An event with a piece of text."""
    return event({"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]})


def test_the_openai_client_reads_what_is_written() -> None:
    """Events and keep-alive comments come through the real client as they were meant."""
    assert sdk_stream(comment() + chunk("a") + comment("ping") + chunk("日\n") + DONE_EVENT) == ["a", "日\n"]


def test_the_openai_client_raises_an_error_event() -> None:
    """An error in mid-stream becomes the client's exception, with its code and message."""
    error = UpstreamFailed("It broke off.", code="model_stream_error")
    with pytest.raises(openai.APIError, match="It broke off") as raised:
        sdk_stream(chunk("a") + error_event(error))
    assert (raised.value.code, raised.value.type) == ("model_stream_error", "server_error")


@pytest.mark.parametrize(
    ("payload", "at_rest"),
    [
        (b"", True),
        (b'data: {"a": 1}\n\n', True),
        (b'data: {"a": 1}\n', True),
        (b": ping\n", True),
        (b'data: {"a": 1}\n\n\r', False),
        (b"data", False),
        (b"event: error\n", False),
        (b'event: error\ndata: {"a": 1}\n', True),
        (b'{\n"a": 1\n', False),
        (b'{\n"a": 1\n}\n', True),
        (b'{"a": 1}\nnonsense\n', False),
    ],
)
def test_a_reader_rests_between_events(payload: bytes, at_rest: bool) -> None:
    """When no line, no event's name, no object and no fault is under way."""
    reader = PayloadReader()
    reader.feed(payload)
    assert reader.at_rest is at_rest
