"""HTTP/2 frames as bytes: their types, their flags, and how each kind that a server sends is written."""

from __future__ import annotations

from struct import Struct

# RFC 9113 section 3.4: what a client says first.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# Types, RFC 9113 section 6.
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

# Flags, by the frame types that have them.
END_STREAM = 0x1  # DATA, HEADERS
ACK = 0x1  # SETTINGS, PING
END_HEADERS = 0x4  # HEADERS, CONTINUATION
PADDED = 0x8  # DATA, HEADERS
PRIORITISED = 0x20  # HEADERS

HEADER_BYTES = 9
# RFC 9113 section 4.2: what every peer takes, and what we take; each may allow the other more.
DEFAULT_MAX_FRAME = 16_384
# RFC 9113 section 6.9.1; stream identifiers have as many bits (section 4.1).
LARGEST = 2**31 - 1

# The length's 24 bits in two parts, type, flags, stream (its highest bit is reserved and ignored: section 4.1).
HEAD = Struct(">BHBBI")
_UINT32 = Struct(">I")
_GOAWAY = Struct(">II")
_SETTING = Struct(">HI")


def frame(kind: int, flags: int, stream_id: int, payload: bytes | memoryview = b"") -> bytes:
    """A whole frame."""
    length = len(payload)
    return HEAD.pack(length >> 16, length & 0xFFFF, kind, flags, stream_id) + payload


def rst_stream(stream_id: int, code: int) -> bytes:
    """RFC 9113 section 6.4."""
    return frame(RST_STREAM, 0, stream_id, _UINT32.pack(code))


def window_update(stream_id: int, increment: int) -> bytes:
    """RFC 9113 section 6.9; stream 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream_id, _UINT32.pack(increment))


def goaway(last_stream_id: int, code: int, reason: str = "") -> bytes:
    """RFC 9113 section 6.8; `reason` is for people."""
    return frame(GOAWAY, 0, 0, _GOAWAY.pack(last_stream_id, code) + reason.encode("ascii", "replace"))


def settings(values: dict[int, int]) -> bytes:
    """RFC 9113 section 6.5.1."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*pair) for pair in values.items()))


def header_frames(stream_id: int, block: bytes, *, end_stream: bool, max_frame: int) -> bytes:
    """A header block as HEADERS, and CONTINUATION where it is longer than a frame (RFC 9113 section 6.10)."""
    flags = END_STREAM if end_stream else 0
    if len(block) <= max_frame:
        return frame(HEADERS, flags | END_HEADERS, stream_id, block)
    parts = [block[start : start + max_frame] for start in range(0, len(block), max_frame)]
    last = len(parts) - 1
    return b"".join(
        frame(
            CONTINUATION if number else HEADERS,
            (0 if number else flags) | (END_HEADERS * (number == last)),
            stream_id,
            part,
        )
        for number, part in enumerate(parts)
    )


SETTINGS_ACK = frame(SETTINGS, ACK, 0)
