"""The frames of `application/vnd.amazon.eventstream`: an incremental decoder, and an encoder.

One frame, all numbers big-endian (https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html):

    u32 total length   u32 length of headers   u32 CRC-32 of these 8 bytes
    headers: u8 length of name, name, u8 type, value     payload     u32 CRC-32 of everything before it

Where a frame ends says nothing about where an event, a line or a UTF-8 character of the payload ends.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HeaderValue = bool | int | bytes | str

# What botocore accepts; SageMaker documents no limit of its own.
MAX_HEADERS = 128 * 1024
MAX_PAYLOAD = 24 * 1024 * 1024

_PRELUDE = Struct(">III")
_LENGTHS = Struct(">II")
_CRC = Struct(">I")
# The prelude and the checksum at the end.
_OVERHEAD = _PRELUDE.size + _CRC.size
# A peer that sends ever new headers must not grow our memory.
_CACHED_HEADERS = 16
# What has been read is kept up to so many bytes, to be dropped with the next piece: most pieces are small.
_RETAINED_BYTES = 65_536


class EventStreamFault(Exception):
    """Bytes that are not a whole, intact event stream. Everything after them is lost: there is no resynchronising."""


class BadPrelude(EventStreamFault):
    """The two lengths contradict each other."""


class FrameTooLarge(EventStreamFault):
    """A frame claims more headers or payload than we are ready to hold; refused before any of it is buffered."""


class ChecksumMismatch(EventStreamFault):
    """The prelude or the frame arrived altered."""


class BadHeaders(EventStreamFault):
    """The checksum holds, yet the headers are not what the format says."""


class TruncatedFrame(EventStreamFault):
    """The stream ended inside a frame."""


class HeaderType(IntEnum):
    """The type byte of a header's value."""

    TRUE = 0
    FALSE = 1
    BYTE = 2
    SHORT = 3
    INTEGER = 4
    LONG = 5
    BYTES = 6
    STRING = 7
    TIMESTAMP = 8  # milliseconds since 1970, int
    UUID = 9  # 16 bytes


class Typed(NamedTuple):
    """A header value whose type Python's own does not tell (the integers, timestamps and UUIDs)."""

    type: HeaderType
    value: HeaderValue


_NUMBERS = {
    HeaderType.BYTE: Struct(">b"),
    HeaderType.SHORT: Struct(">h"),
    HeaderType.INTEGER: Struct(">i"),
    HeaderType.LONG: Struct(">q"),
    HeaderType.TIMESTAMP: Struct(">q"),
}
_LENGTH = Struct(">H")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, its checksums verified. Headers are shared between frames that carry the same ones."""

    headers: Mapping[str, HeaderValue]
    payload: bytes

    def header(self, name: str) -> str | None:
        """Return a string header, or None when it is absent or of another type."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else None

    @property
    def message_type(self) -> str | None:
        """One of event, exception, error."""
        return self.header(":message-type")

    @property
    def event_type(self) -> str | None:
        """Of an event: PayloadPart is the only one that SageMaker documents."""
        return self.header(":event-type")

    @property
    def exception_type(self) -> str | None:
        """Of an exception: ModelStreamError, InternalStreamFailure."""
        return self.header(":exception-type")

    @property
    def error_code(self) -> str | None:
        """Of an error, which unlike an exception is in no service model."""
        return self.header(":error-code")

    @property
    def error_message(self) -> str | None:
        """Of an error. AWS's text: never for the client."""
        return self.header(":error-message")


class Decoder:
    """Turns bytes, cut anywhere, into frames. Time is linear in the bytes; memory is one frame plus the last feed."""

    __slots__ = ("_block", "_buffer", "_fault", "_headers", "_max_headers", "_max_payload", "_needed", "_start")

    def __init__(self, *, max_payload: int = MAX_PAYLOAD, max_headers: int = MAX_HEADERS) -> None:
        self._max_payload = max_payload
        self._max_headers = max_headers
        self._buffer = bytearray()
        self._start = 0
        # Bytes from _start on without which there is nothing to do: a prelude, or the whole frame that it announced.
        self._needed = _PRELUDE.size
        self._headers: dict[bytes, Mapping[str, HeaderValue]] = {}
        # The headers of the last frame.
        self._block = b""
        self._fault: EventStreamFault | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes and return an iterator over the frames now complete.

        Frames before a fault are delivered, then the fault is raised; it is raised again by every later call.
        What the iterator has not been asked for stays, and comes with the next feed.

        Raises (while iterating):
            BadPrelude, FrameTooLarge, ChecksumMismatch, BadHeaders: the stream is broken from here on.
        """
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data
        return self._frames()

    def again(self, data: bytes) -> bytes | None:
        """The payload of a piece that is one whole frame, with the headers of the frame before it.

        None for any other piece, which is not taken: it is to be fed.
        """
        if self._buffer:
            if len(self._buffer) != self._start:
                return None
            # What has been read is not kept while nothing is fed.
            self._buffer.clear()
            self._start = 0
        if len(data) < _OVERHEAD:
            return None
        total, length, checksum = _PRELUDE.unpack_from(data)
        begin, end = _PRELUDE.size + length, total - _CRC.size
        if total != len(data) or length != len(self._block) or not 0 <= end - begin <= self._max_payload:
            return None
        if not data.startswith(self._block, _PRELUDE.size) or crc32(data[:8]) != checksum:
            return None
        if crc32(data[8:end], checksum) != _CRC.unpack_from(data, end)[0]:
            return None
        return data[begin:end]

    def finish(self) -> None:
        """Say that no more bytes come.

        Raises:
            TruncatedFrame: part of a frame is there. AWS has no closing frame, so this alone tells a cut stream from
                a whole one, and only if the cut is inside a frame.
            EventStreamFault: the fault that broke the stream before.
        """
        if self._fault:
            raise self._fault
        left = len(self._buffer) - self._start
        if left:
            self._fault = TruncatedFrame(f"the stream ended {left} bytes into a frame")
            raise self._fault

    def _frames(self) -> Iterator[Frame]:
        if self._fault:
            raise self._fault
        buffer = self._buffer
        try:
            while len(buffer) - self._start >= self._needed:
                begin = self._start
                total, length, checksum = _PRELUDE.unpack_from(buffer, begin)
                if self._needed == _PRELUDE.size:
                    self._check_prelude(total, length, checksum)
                    self._needed = total
                    if len(buffer) - begin < total:
                        break
                message = bytes(buffer[begin : begin + total])
                # A CRC-32 goes on where another stopped: that of the first 8 bytes is already known to be right.
                if crc32(message[8:-4], checksum) != _CRC.unpack_from(message, total - 4)[0]:
                    raise ChecksumMismatch("the checksum of a frame does not match")
                split = _PRELUDE.size + length
                block = message[_PRELUDE.size : split]
                headers = self._headers.get(block) or self._learn(block)
                self._block = block
                self._start = begin + total
                self._needed = _PRELUDE.size
                yield Frame(headers, message[split:-4])
            if self._start > _RETAINED_BYTES:
                # What a large piece needed is not kept until the next one comes.
                del buffer[: self._start]
                self._start = 0
        except EventStreamFault as fault:
            self._fault = fault
            raise

    def _check_prelude(self, total: int, headers: int, checksum: int) -> None:
        """Judge a frame by what it announces, before any of it is buffered."""
        if crc32(self._buffer[self._start : self._start + 8]) != checksum:
            raise ChecksumMismatch("the checksum of a frame's prelude does not match")
        if total < _OVERHEAD + headers:
            raise BadPrelude(f"a frame of {total} bytes cannot hold {headers} bytes of headers")
        if headers > self._max_headers:
            raise FrameTooLarge(f"a frame announces {headers} bytes of headers; at most {self._max_headers} are taken")
        payload = total - headers - _OVERHEAD
        if payload > self._max_payload:
            raise FrameTooLarge(f"a frame announces {payload} bytes of payload; at most {self._max_payload} are taken")

    def _learn(self, block: bytes) -> Mapping[str, HeaderValue]:
        """Parse a block of headers, and remember the first few of a stream: it repeats one or two."""
        headers = MappingProxyType(_parse_headers(block))
        if len(self._headers) < _CACHED_HEADERS:
            self._headers[block] = headers
        return headers


def _parse_headers(block: bytes) -> dict[str, HeaderValue]:
    """Read a block of headers.

    Raises:
        BadHeaders: cut short, an unknown type, a name twice, or text that is not UTF-8.
    """
    headers: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(block):
            name_end = at + 1 + block[at]
            name = block[at + 1 : name_end].decode()
            kind = HeaderType(block[name_end])
            if name in headers:
                raise BadHeaders("a frame has two headers of one name")
            headers[name], at = _parse_value(block, name_end + 1, kind)
    except (IndexError, struct.error) as fault:
        raise BadHeaders("a frame's headers end in the middle of one") from fault
    except UnicodeDecodeError as fault:
        raise BadHeaders("a frame has a header that is not UTF-8") from fault
    except ValueError as fault:
        raise BadHeaders("a frame has a header of an unknown type") from fault
    return headers


def _parse_value(block: bytes, at: int, kind: HeaderType) -> tuple[HeaderValue, int]:
    """Return a value and where the next header begins."""
    if kind in (HeaderType.TRUE, HeaderType.FALSE):
        return kind is HeaderType.TRUE, at
    if number := _NUMBERS.get(kind):
        return int(number.unpack_from(block, at)[0]), at + number.size
    if kind is HeaderType.UUID:
        length = 16
    else:
        (length,) = _LENGTH.unpack_from(block, at)
        at += _LENGTH.size
    raw = block[at : at + length]
    if len(raw) != length:
        raise IndexError
    return raw.decode() if kind is HeaderType.STRING else raw, at + length


def encode(headers: Mapping[str, str | bytes | bool | Typed], payload: bytes) -> bytes:
    """Return one frame.

    Raises:
        ValueError: a name, a value or the whole frame does not fit its length field, or a value its type.
    """
    return encode_block(encode_headers(headers), payload)


def encode_headers(headers: Mapping[str, str | bytes | bool | Typed]) -> bytes:
    """Return the block of headers alone, for encode_block(): a stream of like frames encodes it once.

    Raises:
        ValueError: see encode().
    """
    try:
        return b"".join(_header(name, value) for name, value in headers.items())
    except struct.error as fault:
        raise ValueError("a header's value does not fit its type or its length field") from fault


def encode_block(block: bytes, payload: bytes) -> bytes:
    """Return one frame around an encoded block of headers.

    Raises:
        ValueError: the frame is larger than 4 GiB.
    """
    try:
        lengths = _LENGTHS.pack(_OVERHEAD + len(block) + len(payload), len(block))
    except struct.error as fault:
        raise ValueError("a frame is larger than its length field can say") from fault
    message = b"".join((lengths, _CRC.pack(crc32(lengths)), block, payload))
    return message + _CRC.pack(crc32(message))


def _header(name: str, value: str | bytes | bool | Typed) -> bytes:
    raw = name.encode()
    if not 0 < len(raw) < 256:
        raise ValueError("a header's name has 1 to 255 bytes")
    kind, inner = value if isinstance(value, Typed) else (_natural_type(value), value)
    return bytes((len(raw),)) + raw + bytes((kind,)) + _value(kind, inner)


def _natural_type(value: str | bytes | bool) -> HeaderType:
    if isinstance(value, bool):
        return HeaderType.TRUE if value else HeaderType.FALSE
    return HeaderType.STRING if isinstance(value, str) else HeaderType.BYTES


def _value(kind: HeaderType, value: HeaderValue) -> bytes:
    if kind in (HeaderType.TRUE, HeaderType.FALSE):
        return b""
    if number := _NUMBERS.get(kind):
        return number.pack(value)
    raw = value.encode() if isinstance(value, str) else value
    if not isinstance(raw, bytes) or (kind is HeaderType.UUID and len(raw) != 16):
        raise ValueError(f"not a value of type {kind.name}")
    return raw if kind is HeaderType.UUID else _LENGTH.pack(len(raw)) + raw
