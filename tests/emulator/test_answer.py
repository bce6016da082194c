"""The steps of an answer: pace, chunks, and each fault in its place."""

from __future__ import annotations

import struct
from zlib import crc32

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer

from extproc.emulator import answer, legacy_completions
from extproc.emulator.answer import Cut, Reset, Send, Stall, Wait
from extproc.emulator.container import complete
from extproc.emulator.knobs import DEFAULT, Knobs
from extproc.emulator.personalities import CONTAINERS, IN_STREAM


def completion(*, stream=True):
    """A completion of four tokens: eight events in all, the role, the reason and [DONE] included."""
    messages = [{"role": "user", "content": "one two three four"}]
    return complete({"messages": messages, "stream": stream}, DEFAULT, "m", 0, 1)


def events(kind="chat"):
    """The container's stream."""
    return list(answer.events(completion(), kind)[1])


def steps(kind, knobs=DEFAULT):
    """The steps of a stream of that kind."""
    return list(answer.stream(iter(events()), kind, knobs))


def bytes_of(made):
    """What the steps send."""
    return b"".join(step.data for step in made if isinstance(step, Send))


def messages(made):
    """The whole frames that the steps send, as botocore reads them."""
    buffer = EventStreamBuffer()
    buffer.add_data(bytes_of(made))
    return list(buffer)


def test_the_first_event_may_be_late() -> None:
    """`first_ms` comes once: before the first event of a stream, on top of the delay of a whole answer."""
    late = steps("chat", Knobs(first_ms=2000, delay_ms=5))
    assert late[0] == Wait(2.0)
    assert late[1:] == steps("chat", Knobs(delay_ms=5))
    assert answer.whole(b"x", "chat", Knobs(first_ms=2000, delay_ms=500)) == [Wait(2.5), Send(b"x")]


def test_an_undisturbed_stream_is_the_containers() -> None:
    """Every event is sent as one frame in one chunk, and nothing else is done."""
    made = steps("chat")
    assert [message.payload for message in messages(made)] == events()
    assert [step.frames for step in made] == [1] * len(events())


@pytest.mark.parametrize("kind", [kind for kind in IN_STREAM if kind != "exception-first"])
@pytest.mark.parametrize("after", [0, 3])
def test_a_fault_comes_after_so_many_events(kind, after) -> None:
    """Before the fault exactly the events asked for go out, in their frames."""
    data = bytes_of(steps(kind, Knobs(after=after)))
    buffer = EventStreamBuffer()
    buffer.add_data(data[: len(bytes_of(steps("chat")[:after]))])
    assert [message.payload for message in buffer] == events()[:after]


@pytest.mark.parametrize(
    ("kind", "ending"), [("reset-midstream", Reset()), ("stall-midstream", Stall()), ("cut-midstream", Cut())]
)
def test_the_connection_is_broken_or_left(kind, ending) -> None:
    """A fault of the connection is the last step, in a stream as in the middle of a whole answer."""
    assert steps(kind)[-1] == ending
    assert list(answer.whole(b"12345678", kind, DEFAULT))[1:] == [Send(b"1234"), ending]


@pytest.mark.parametrize(
    ("kind", "headers", "body"),
    [
        ("exception-first", {":exception-type": "ModelStreamError"}, b"StreamBroken"),
        ("exception-midstream", {":exception-type": "ModelStreamError"}, b"StreamBroken"),
        ("exception-timeout", {":exception-type": "ModelStreamError"}, b"ModelInvocationTimeExceeded"),
        ("exception-throttled", {":exception-type": "ThrottlingException"}, b"Rate exceeded"),
        ("internal-stream-failure", {":exception-type": "InternalStreamFailure"}, b"Internal failure"),
        ("error-frame", {":message-type": "error", ":error-code": "InternalError"}, b""),
    ],
)
def test_a_stream_ends_with_an_error_of_sagemakers(kind, headers, body) -> None:
    """The last frame is the exception or the error, and nothing follows it."""
    *before, last = messages(steps(kind))
    assert len(before) == (0 if kind == "exception-first" else DEFAULT.after)
    assert headers.items() <= last.headers.items()
    assert body in last.payload


def test_the_containers_own_error_is_an_event() -> None:
    """`stream-error` is a data line of the container, with [DONE] after it as vLLM sends it."""
    payloads = [message.payload for message in messages(steps("stream-error"))]
    assert payloads[-2].startswith(b'data: {"error":')
    assert payloads[-1] == b"data: [DONE]\n\n"


@pytest.mark.parametrize("kind", ["bad-crc", "bad-prelude"])
def test_a_turned_bit_fails_botocores_checksum(kind) -> None:
    """AWS's decoder refuses the frame after the good ones."""
    buffer = EventStreamBuffer()
    buffer.add_data(bytes_of(steps(kind)))
    assert [next(buffer).payload for _ in range(DEFAULT.after)] == events()[: DEFAULT.after]
    with pytest.raises(ChecksumMismatch):
        next(buffer)


def test_a_frame_stops_in_the_middle() -> None:
    """`eof-midframe` leaves half a frame, `truncated` none."""
    whole = bytes_of(steps("chat")[: DEFAULT.after])
    assert bytes_of(steps("truncated")) == whole
    half = bytes_of(steps("eof-midframe"))[len(whole) :]
    assert len(half) == struct.unpack(">I", half[:4])[0] // 2


def test_a_giant_frame_has_a_right_prelude() -> None:
    """4 GiB are claimed with a checksum that holds, so that only a limit can refuse them."""
    made = steps("giant-frame")
    prelude = bytes_of(made)[len(bytes_of(steps("truncated"))) :][:12]
    assert struct.unpack(">III", prelude) == (0xFFFFFFFF, 0, crc32(prelude[:8]))
    assert made[-1] == Stall()


def test_pace_and_chunks() -> None:
    """A pause stands before every event; frames may share a chunk, the rest is not held back."""
    paced = steps("chat", Knobs(delay_ms=5))
    assert paced[::2] == [Wait(0.005)] * len(events())
    chunked = steps("chat", Knobs(frames_per_chunk=3))
    assert [step.frames for step in chunked] == [3, 3, len(events()) - 6]


def test_a_whole_answer_goes_out_at_once_unless_asked() -> None:
    """Without a delay or a write size there is nothing to carry out step by step."""
    assert answer.whole(b"x", "chat", DEFAULT) is None
    assert answer.whole(b"x", "chat", Knobs(delay_ms=1000)) == [Wait(1.0), Send(b"x")]
    assert answer.whole(b"x", "chat", Knobs(write_bytes=1)) == [Wait(0.0), Send(b"x")]


@pytest.mark.parametrize("kind", CONTAINERS)
def test_each_container_has_its_stream(kind) -> None:
    """Events and content type are those of the container's dialect."""
    content_type, source = answer.events(completion(), kind)
    made = b"".join(source)
    assert content_type == ("application/jsonlines" if kind == "jsonlines" else "text/event-stream; charset=utf-8")
    assert made.endswith(b"data: [DONE]\n\n") == (kind in {"chat", "sglang", "huge"})


@pytest.mark.parametrize(
    ("fault", "stream", "expected"),
    [
        ("not-json", False, ("application/json", [b"This is { not JSON"])),
        ("not-json", True, ("text/event-stream; charset=utf-8", [b"data: This is ", b"not JSON {\n\n"])),
        ("empty-body", False, ("application/json", [])),
        ("empty-body", True, ("text/event-stream; charset=utf-8", [])),
        ("truncated", True, None),
        ("", False, None),
    ],
)
def test_what_is_no_answer_stands_instead_of_one(fault, stream, expected) -> None:
    """Nonsense and nothing, in either form; every other fault leaves the answer to its container."""
    assert answer.instead(fault, stream=stream) == expected


def test_a_container_not_asked_to_stream_answers_whole() -> None:
    """On the streaming operation, a request without `stream` gets one JSON document in frames."""
    content_type, source = answer.events(completion(stream=False), "chat")
    (document,) = source
    assert content_type == "application/json"
    assert b'"chat.completion"' in document


@pytest.mark.parametrize("kind", ["chat", "jsonlines", "no-done"])
def test_completions_go_the_same_ways(kind) -> None:
    """A legacy completion is a document, server-sent events or JSON lines, as a chat completion is."""
    asked = {"prompt": "one two", "stream": True}
    content_type, source = answer.events(legacy_completions.complete(asked, DEFAULT, "m", 0, 1), kind)
    made = b"".join(source)
    assert content_type == answer.events(completion(), kind)[0]
    assert b'"object":"text_completion"' in made
    assert made.endswith(b"[DONE]\n\n") == (kind == "chat")
    whole = legacy_completions.complete({"prompt": "one two"}, DEFAULT, "m", 0, 1)
    assert b'"text":"one two"' in next(answer.events(whole, kind)[1])


def test_a_huge_answer_is_as_large_as_asked() -> None:
    """The tokens of a huge answer have nearly the size, and at least one is there."""
    size = sum(map(len, answer.huge_tokens(1_000_000)))
    assert 900_000 < size <= 1_000_000
    assert len(answer.huge_tokens(1)) == 1


@pytest.mark.parametrize(("limit", "tokens"), [(0, 0), (5, 0), (10, 1), (35, 3), (69, 6)])
def test_a_stream_has_so_much_time(limit, tokens) -> None:
    """What comes within the limit goes out; then the exception that AWS has for it, and nothing more."""
    made = steps("chat", Knobs(delay_ms=10, limit_ms=limit))
    assert sum(step.seconds for step in made if isinstance(step, Wait)) == pytest.approx(limit / 1000)
    *before, last = messages(made)
    assert [message.payload for message in before] == events()[:tokens]
    assert last.headers[":exception-type"] == "ModelStreamError"
    assert b"ModelInvocationTimeExceeded" in last.payload


def test_a_stream_within_its_time_is_whole() -> None:
    """At the limit it is not over; without a knob the limit is AWS's eight minutes."""
    assert [message.payload for message in messages(steps("chat", Knobs(delay_ms=10, limit_ms=70)))] == events()
    slow = messages(steps("chat", Knobs(delay_ms=130_000)))
    assert len(slow) == 4
    assert slow[-1].headers[":exception-type"] == "ModelStreamError"
