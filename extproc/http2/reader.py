"""Cuts what a client sends into frames."""

from __future__ import annotations

from extproc.http2.faults import ConnectionFault, ErrorCode
from extproc.http2.frames import DEFAULT_MAX_FRAME, HEAD, HEADER_BYTES, LARGEST, PREFACE, SETTINGS

# Type, flags, stream, payload.
Frame = tuple[int, int, int, bytes]


class FrameReader:
    """The bytes of one connection so far; at most one frame is kept."""

    __slots__ = ("_first", "_kept", "_needed", "prefaced")

    def __init__(self) -> None:
        self._kept = bytearray()
        # How many bytes are needed to get on: fewer are only kept, so that a slow sender costs no copies.
        self._needed = len(PREFACE)
        self._first = True
        self.prefaced = False

    def feed(self, data: bytes) -> tuple[list[Frame], ConnectionFault | None]:
        """The frames that are whole with `data`, and what is wrong after them, if anything is.

        Frames before a fault count: what they ask for was asked in order.
        """
        kept = self._kept
        if kept:
            kept += data
            if self.prefaced and len(kept) < self._needed:
                return [], None
            data = bytes(kept)
            kept.clear()
        offset = 0
        if not self.prefaced:
            if data[: len(PREFACE)] != PREFACE[: len(data)]:
                # RFC 9113 section 3.4.
                return [], ConnectionFault(ErrorCode.PROTOCOL_ERROR, "no HTTP/2 connection preface")
            if len(data) < len(PREFACE):
                kept += data
                return [], None
            self.prefaced = True
            offset = len(PREFACE)
        return self._cut(data, offset)

    def _cut(self, data: bytes, offset: int) -> tuple[list[Frame], ConnectionFault | None]:
        frames: list[Frame] = []
        size = len(data)
        unpack = HEAD.unpack_from
        while size - offset >= HEADER_BYTES:
            high, low, kind, flags, stream_id = unpack(data, offset)
            length = high << 16 | low
            if length > DEFAULT_MAX_FRAME:
                # RFC 9113 section 4.2. For some kinds an error of the stream would do; this peer is broken anyway.
                return frames, ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame over SETTINGS_MAX_FRAME_SIZE")
            start = offset + HEADER_BYTES
            end = start + length
            if end > size:
                self._needed = end - offset
                break
            offset = end
            if self._first:
                # RFC 9113 section 3.4: the preface ends with a SETTINGS frame.
                if kind != SETTINGS or flags & 1:
                    return frames, ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
                self._first = False
            frames.append((kind, flags, stream_id & LARGEST, data[start:end]))
        else:
            self._needed = HEADER_BYTES
        if offset < size:
            self._kept += data[offset:] if offset else data
        return frames, None
