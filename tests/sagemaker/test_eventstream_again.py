"""Frames with the headers of the frame before them, each a piece by itself: nearly all of a stream."""

from __future__ import annotations

import struct
from zlib import crc32

import pytest

from extproc.sagemaker.eventstream import Decoder, EventStreamFault, encode, encode_block, encode_headers

PART = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}


def sealed(message):
    """A message with a right checksum at its end."""
    return message + struct.pack(">I", crc32(message))


def test_a_frame_like_the_last_is_taken_at_once() -> None:
    """One whole frame with the headers of the frame before gives its payload, at most of the limit; nothing is left."""
    decoder = Decoder(max_payload=100)
    assert decoder.again(encode(PART, b"1")) is None
    assert [frame.payload for frame in decoder.feed(encode(PART, b"1"))] == [b"1"]
    for payload in (b"2", b"", bytes(100)):
        assert decoder.again(encode(PART, payload)) == payload
    assert len(decoder._buffer) == 0
    assert decoder.again(encode(PART, bytes(101))) is None
    decoder.finish()


LIKE_THE_LAST = encode(PART, b"like the last")


@pytest.mark.parametrize(
    "data",
    [
        *(pytest.param(LIKE_THE_LAST[:end], id=f"{end} bytes") for end in (0, 3, 12, 16, len(LIKE_THE_LAST) - 1)),
        pytest.param(LIKE_THE_LAST * 2, id="two frames"),
        pytest.param(encode({**PART, "x": "y"}, b""), id="more headers"),
        pytest.param(encode({**PART, ":event-type": "PayloadPast"}, b""), id="other headers"),
        pytest.param(encode_block(b"", encode_headers(PART)), id="headers in the payload"),
        pytest.param(LIKE_THE_LAST[:-1] + b"!", id="a wrong checksum"),
        pytest.param(sealed(LIKE_THE_LAST[:8] + b"!!!!" + LIKE_THE_LAST[12:-4]), id="a wrong checksum of the prelude"),
        pytest.param(
            sealed(sealed(struct.pack(">II", 16, len(encode_headers(PART))))), id="a prelude that contradicts itself"
        ),
    ],
)
def test_what_is_not_one_like_the_last_is_to_be_fed(data) -> None:
    """It is not taken: fed, it becomes what it would have been; and a frame that is under way ends first."""
    asked, other = Decoder(), Decoder()
    for decoder in (asked, other):
        list(decoder.feed(LIKE_THE_LAST))
    assert asked.again(data) is None
    assert _all_of(asked, data) == _all_of(other, data)
    if len(other._buffer) != other._start:
        assert asked.again(LIKE_THE_LAST) is None


def _all_of(decoder, data):
    frames = []
    try:
        frames += [(dict(frame.headers), frame.payload) for frame in decoder.feed(data)]
        decoder.finish()
    except EventStreamFault as fault:
        frames.append(type(fault))
    return frames
