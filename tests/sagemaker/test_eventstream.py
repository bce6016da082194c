"""Event-stream frames, against botocore's decoder and for every way of cutting the bytes."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from zlib import crc32

import pytest
from botocore.eventstream import ChecksumMismatch as BotocoreChecksumMismatch
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.sagemaker import eventstream
from extproc.sagemaker.eventstream import (
    BadHeaders,
    BadPrelude,
    ChecksumMismatch,
    Decoder,
    EventStreamFault,
    FrameTooLarge,
    HeaderType,
    TruncatedFrame,
    Typed,
    encode,
    encode_block,
    encode_headers,
)

# Written by tests/vectors/eventstream/assemble.py.
VECTORS = json.loads(
    (Path(__file__).parent.parent / "vectors" / "eventstream" / "frames.json").read_text(encoding="utf-8")
)
PART = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}

VALUES = st.one_of(
    st.booleans(),
    st.binary(max_size=30),
    st.text(max_size=30),
    st.integers(-(2**7), 2**7 - 1).map(lambda value: Typed(HeaderType.BYTE, value)),
    st.integers(-(2**15), 2**15 - 1).map(lambda value: Typed(HeaderType.SHORT, value)),
    st.integers(-(2**31), 2**31 - 1).map(lambda value: Typed(HeaderType.INTEGER, value)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: Typed(HeaderType.LONG, value)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: Typed(HeaderType.TIMESTAMP, value)),
    st.binary(min_size=16, max_size=16).map(lambda value: Typed(HeaderType.UUID, value)),
)
HEADERS = st.dictionaries(st.text(min_size=1, max_size=20), VALUES, max_size=10)
FRAMES = st.lists(st.tuples(HEADERS, st.binary(max_size=80)), max_size=4)


def plain(headers):
    """The values alone, as a decoder gives them."""
    return {name: value.value if isinstance(value, Typed) else value for name, value in headers.items()}


def cut(data, places):
    """The pieces of the bytes when they are cut at these places."""
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def outcome(pieces, **limits):
    """What a decoder makes of the pieces: its frames, and the fault it ends with."""
    decoder = Decoder(**limits)
    frames = []
    try:
        for piece in pieces:
            frames.extend(decoder.feed(piece))
        decoder.finish()
    except EventStreamFault as fault:
        return frames, type(fault)
    return frames, None


def sealed(message):
    """A message with a right checksum at its end."""
    return message + struct.pack(">I", crc32(message))


def frame_with(block, payload=b""):
    """A frame around any block of headers, however wrong."""
    return encode_block(block, payload)


@settings(max_examples=200, deadline=None)
@given(FRAMES)
def test_botocore_reads_what_we_write(frames) -> None:
    """AWS's own decoder finds in our frames the headers, of all ten types, and the payloads that went in."""
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(encode(headers, payload) for headers, payload in frames))
    assert [(message.headers, message.payload) for message in buffer] == [
        (plain(headers), payload) for headers, payload in frames
    ]


@settings(max_examples=200, deadline=None)
@given(FRAMES, st.lists(st.integers(min_value=0), max_size=6))
def test_reads_the_same_however_it_is_cut(frames, places) -> None:
    """The frames are those that went in, wherever the bytes were cut on the way."""
    data = b"".join(encode(headers, payload) for headers, payload in frames)
    read, fault = outcome(cut(data, places))
    assert fault is None
    assert [(dict(frame.headers), frame.payload) for frame in read] == [
        (plain(headers), payload) for headers, payload in frames
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 11, 12, 13, 64, 10_000])
def test_reads_pieces_of_any_size(size) -> None:
    """A stream of real frames is read the same in pieces of one byte and in one piece."""
    payloads = [f"data: {number} ü".encode() for number in range(20)]
    data = b"".join(encode(PART, payload) for payload in payloads)
    read, fault = outcome([data[start : start + size] for start in range(0, len(data), size)])
    assert ([frame.payload for frame in read], fault) == (payloads, None)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_reads_and_writes_frames_of_every_type(vector) -> None:
    """A frame of each header type, put together without our code, is read as it says and written back byte for byte."""
    data = bytes.fromhex(vector["frame"])
    (frame,), fault = outcome([data])
    assert fault is None
    kind = HeaderType(vector["type"]) if "type" in vector else None
    raw = bytes.fromhex(vector["bytes"]) if "bytes" in vector else vector.get("value")
    headers = {} if kind is None else {vector["header"]: Typed(kind, raw)}
    assert dict(frame.headers) == plain(headers)
    assert frame.payload.hex() == vector.get("payload", "")
    assert encode(headers, frame.payload) == data


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0), st.integers(0, 7), st.lists(st.integers(min_value=0), max_size=4))
def test_a_turned_bit_is_always_found(at, bit, places) -> None:
    """One turned bit anywhere gives a fault, never another frame; the frame before it is still delivered."""
    first, second = encode(PART, b"first"), bytearray(encode(PART, b"second"))
    second[at % len(second)] ^= 1 << bit
    read, fault = outcome(cut(first + bytes(second), places))
    assert [frame.payload for frame in read] == [b"first"]
    assert fault is not None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(min_value=0), max_size=4))
def test_any_bytes_give_the_same_outcome_however_they_are_cut(data, places) -> None:
    """Garbage is refused in the same way whether it comes in one piece or in several."""
    assert outcome(cut(data, places)) == outcome([data])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_headers_give_the_same_outcome_as_botocores(block) -> None:
    """A block of headers with a right checksum is read as botocore reads it, or refused where botocore fails."""
    read, fault = outcome([frame_with(block)])
    buffer = EventStreamBuffer()
    buffer.add_data(frame_with(block))
    try:
        expected = dict(next(buffer).headers)
    except Exception:  # noqa: BLE001 - botocore fails with whatever its unpacking runs into
        expected = None
    if expected is None:
        assert (read, fault) == ([], BadHeaders)
    elif fault is None:
        assert dict(read[0].headers) == expected
    else:
        # We are stricter in one thing: botocore's slices forgive a value that is cut short.
        assert fault is BadHeaders
        assert "middle" in str(_fault_of(frame_with(block)))


def _fault_of(data):
    decoder = Decoder()
    with pytest.raises(EventStreamFault) as raised:
        list(decoder.feed(data))
    return raised.value


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        pytest.param(struct.pack(">III", 16, 0, 0), ChecksumMismatch, id="checksum of the prelude"),
        pytest.param(encode(PART, b"x")[:-1] + b"\x00", ChecksumMismatch, id="checksum of the frame"),
        pytest.param(sealed(struct.pack(">II", 15, 0)), BadPrelude, id="shorter than an empty frame"),
        pytest.param(sealed(struct.pack(">II", 0, 0)), BadPrelude, id="length zero"),
        pytest.param(sealed(struct.pack(">II", 100, 85)), BadPrelude, id="headers longer than the frame"),
        pytest.param(sealed(struct.pack(">II", 0xFFFFFFFF, 0)), FrameTooLarge, id="claims 4 GiB of payload"),
        pytest.param(sealed(struct.pack(">II", 0xFFFFFFFF, 0xFFFFFF00)), FrameTooLarge, id="claims 4 GiB of headers"),
        pytest.param(encode(PART, b"x")[:-1], TruncatedFrame, id="ends before the last byte"),
        pytest.param(encode(PART, b"x")[:5], TruncatedFrame, id="ends in the prelude"),
        pytest.param(frame_with(b"\x01a\x0a"), BadHeaders, id="unknown type"),
        pytest.param(frame_with(b"\x01a\x00\x01a\x01"), BadHeaders, id="one name twice"),
        pytest.param(frame_with(b"\x01\xff\x00"), BadHeaders, id="name is not UTF-8"),
        pytest.param(frame_with(b"\x01a\x07\x00\x01\xff"), BadHeaders, id="string is not UTF-8"),
        pytest.param(frame_with(b"\x01a\x07\x00\x05abc"), BadHeaders, id="string cut short"),
        pytest.param(frame_with(b"\x01a\x05\x00"), BadHeaders, id="number cut short"),
        pytest.param(frame_with(b"\x01a\x09\x00"), BadHeaders, id="UUID cut short"),
        pytest.param(frame_with(b"\x05a"), BadHeaders, id="name cut short"),
    ],
)
def test_each_fault_has_its_name(data, fault) -> None:
    """What is wrong is said by the exception's class, in one piece and byte by byte."""
    assert outcome([data]) == ([], fault)
    assert outcome([data[at : at + 1] for at in range(len(data))]) == ([], fault)


def test_botocore_agrees_that_the_checksum_is_wrong() -> None:
    """The frame with a turned bit is one that AWS's decoder refuses, too."""
    buffer = EventStreamBuffer()
    buffer.add_data(encode(PART, b"x")[:-1] + b"\x00")
    with pytest.raises(BotocoreChecksumMismatch):
        next(buffer)


def test_a_frame_that_is_too_large_is_refused_before_it_is_buffered() -> None:
    """Twelve bytes are enough to refuse a frame that claims 4 GiB, and nothing after them is waited for."""
    decoder = Decoder()
    with pytest.raises(FrameTooLarge, match="4294967279 bytes of payload"):
        list(decoder.feed(sealed(struct.pack(">II", 0xFFFFFFFF, 0))))


@pytest.mark.parametrize(("payload", "fault"), [(100, None), (101, FrameTooLarge)])
def test_the_limit_of_payload_is_exact(payload, fault) -> None:
    """A payload of the limit passes, one byte more does not."""
    assert outcome([encode(PART, bytes(payload))], max_payload=100)[1] is fault


@pytest.mark.parametrize("more", [0, 1])
def test_the_limit_of_headers_is_exact(more) -> None:
    """Headers of the limit pass, one byte more does not."""
    limit = len(encode_headers(PART))
    block = encode_headers({**PART, ":content-type": PART[":content-type"] + "x" * more})
    assert outcome([encode_block(block, b"")], max_headers=limit)[1] is (FrameTooLarge if more else None)


def test_a_fault_stays() -> None:
    """After a fault no frame comes any more: every later call raises it again."""
    decoder = Decoder()
    frames = decoder.feed(encode(PART, b"good") + b"\x00" * 12 + encode(PART, b"lost"))
    assert next(frames).payload == b"good"
    for call in (lambda: next(frames), lambda: list(decoder.feed(encode(PART, b"later"))), decoder.finish):
        with pytest.raises(ChecksumMismatch):
            call()


def test_what_was_not_asked_for_comes_later() -> None:
    """Frames that the caller stopped before are delivered by the next feed, in order."""
    decoder = Decoder()
    assert next(decoder.feed(encode(PART, b"1") + encode(PART, b"2"))).payload == b"1"
    assert [frame.payload for frame in decoder.feed(encode(PART, b"3"))] == [b"2", b"3"]
    decoder.finish()


def test_memory_is_given_back() -> None:
    """A long stream leaves no more in the decoder than what came last, and remembers few headers."""
    decoder = Decoder()
    for number in range(2_000):
        assert len(list(decoder.feed(encode({**PART, "n": str(number)}, bytes(1_000))))) == 1
    assert len(decoder._buffer) < 2_000
    assert len(decoder._headers) <= 16


class Counted(bytearray):
    """Bytes that count how many of them are copied and moved."""

    work = 0

    def __getitem__(self, key):
        """Copy."""
        found = super().__getitem__(key)
        self.work += len(found)
        return found

    def __delitem__(self, key):
        """Move what comes after."""
        super().__delitem__(key)
        self.work += len(self)


@pytest.mark.parametrize("size", [1, 7, 100, 1_000_000])
@pytest.mark.parametrize("payload", [0, 10, 5_000])
def test_the_work_is_linear_in_the_bytes(monkeypatch, size, payload) -> None:
    """Twice the bytes are twice the work, counted in bytes: of small frames and large, in small pieces and at once."""
    one = encode(PART, bytes(payload))

    def work(frames):
        data = one * frames
        decoder, checked = Decoder(), 0

        def counting(data, *start):
            nonlocal checked
            checked += len(data)
            return crc32(data, *start)

        monkeypatch.setattr(eventstream, "crc32", counting)
        decoder._buffer = counted = Counted()
        for start in range(0, len(data), size):
            for frame in decoder.feed(data[start : start + size]):
                assert len(frame.payload) == payload
        decoder.finish()
        return counted.work + checked

    count = -(-20_000 // len(one))
    assert 0 < work(2 * count) <= 2.1 * work(count)
    assert work(count) <= 5 * count * len(one)


def test_a_frame_says_what_it_is() -> None:
    """Message, event, exception and error types are read from their headers; absent or not a string is None."""
    event, exception, error, odd = (
        next(Decoder().feed(encode(headers, b"")))
        for headers in (
            PART,
            {":message-type": "exception", ":exception-type": "ModelStreamError"},
            {":message-type": "error", ":error-code": "InternalError", ":error-message": "why"},
            {":message-type": b"event", ":event-type": True},
        )
    )
    assert (event.message_type, event.event_type, event.exception_type) == ("event", "PayloadPart", None)
    assert (exception.message_type, exception.exception_type) == ("exception", "ModelStreamError")
    assert (error.message_type, error.error_code, error.error_message) == ("error", "InternalError", "why")
    assert (odd.message_type, odd.event_type) == (None, None)


def test_headers_cannot_be_changed() -> None:
    """Frames share their headers, so nobody may write into them."""
    first, second = Decoder().feed(encode(PART, b"1") + encode(PART, b"2"))
    assert first.headers is second.headers
    with pytest.raises(TypeError):
        first.headers["x"] = "y"


@pytest.mark.parametrize(
    "headers",
    [
        {"": "x"},
        {"n" * 256: "x"},
        {"n": "x" * 65_536},
        {"n": Typed(HeaderType.BYTE, 128)},
        {"n": Typed(HeaderType.UUID, b"short")},
        {"n": Typed(HeaderType.STRING, 1)},
    ],
    ids=lambda headers: repr(headers)[:40],
)
def test_does_not_write_what_no_field_can_hold(headers) -> None:
    """A name or a value that does not fit is an error, not another frame."""
    with pytest.raises(ValueError, match=r"header|value"):
        encode(headers, b"")


def test_the_encoders_names_are_public() -> None:
    """A block of headers encoded once gives the same frame as the headers themselves."""
    assert eventstream.encode_block(encode_headers(PART), b"x") == encode(PART, b"x")
