"""From events to PayloadParts: whatever the knobs, the payloads joined are the events."""

from __future__ import annotations

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from extproc.emulator import framing
from extproc.emulator.knobs import DEFAULT, Knobs

EVENTS = [b"data: {}\n\n", "data: Grüße 😀\n\n".encode(), b"data: [DONE]\n\n"]
KNOBS = st.builds(
    Knobs,
    frame_bytes=st.none() | st.integers(1, 30),
    events_per_frame=st.integers(1, 4),
    split_utf8=st.booleans(),
    empty_frames=st.booleans(),
    unknown_events=st.booleans(),
)


def read(data):
    """The frames as botocore reads them."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return list(buffer)


def parts(knobs, events=EVENTS):
    """The payloads of all frames, flat."""
    return [payload for payloads in framing.regroup(events, knobs) for payload in payloads]


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8), KNOBS)
def test_nothing_is_lost_or_added(events, knobs) -> None:
    """AWS's decoder finds the events' bytes in the PayloadParts, in order, for any knobs."""
    frames = [frame for payloads in framing.regroup(events, knobs) for frame in framing.frames(payloads, knobs)]
    messages = read(b"".join(frames))
    payloads = [message.payload for message in messages if message.headers[":event-type"] == "PayloadPart"]
    assert b"".join(payloads) == b"".join(events)


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_frames_of_so_many_bytes(size) -> None:
    """Every frame but the last has exactly so many bytes, wherever events end."""
    made = parts(Knobs(frame_bytes=size))
    assert {len(payload) for payload in made[:-1]} <= {size}
    assert 0 < len(made[-1]) <= size


def test_events_in_a_frame() -> None:
    """By default an event is a frame; several may share one, the rest is not held back at the end."""
    assert parts(DEFAULT) == EVENTS
    assert parts(Knobs(events_per_frame=2)) == [EVENTS[0] + EVENTS[1], EVENTS[2]]


def test_cuts_inside_characters_and_between_line_feeds() -> None:
    """Every multi-byte character and every end of an event is cut in two."""
    made = parts(Knobs(split_utf8=True), [EVENTS[1]])
    assert sum(payload[-1] >= 0xC0 for payload in made[:-1]) == 3
    assert made[-1] == b"\n"


def test_an_answer_may_end_without_a_line_feed() -> None:
    """Inside the answer every byte is there; after the last one that is no line feed comes none."""
    for events in (EVENTS, [b"{}\n", b"[]\n", b"\n"], [b"\n"]):
        assert b"".join(parts(Knobs(unended=True), events)) == b"".join(events).rstrip(b"\n")


def test_what_stands_between_frames() -> None:
    """Empty PayloadParts and events of an unknown type surround a frame when asked for."""
    made = framing.frames([b"x"], Knobs(empty_frames=True, unknown_events=True))
    assert [(message.headers[":event-type"], message.payload) for message in read(b"".join(made))] == [
        ("PayloadPart", b""),
        ("PayloadPart", b"x"),
        ("Telemetry", b'{"queued":0}'),
    ]


def test_exceptions_and_errors_are_frames_of_their_own_kind() -> None:
    """Botocore sees an exception with its type and body, and an error with code and message."""
    exception, error = read(framing.exception("ModelStreamError", b"{}") + framing.error("InternalError", "why"))
    assert exception.to_response_dict()["status_code"] == 400
    assert (exception.headers[":exception-type"], exception.payload) == ("ModelStreamError", b"{}")
    assert (error.headers[":error-code"], error.headers[":error-message"]) == ("InternalError", "why")
