"""What each kind of frame from a client means, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.http2 import frames
from extproc.http2.events import Acknowledged, DataReceived, Event, RequestReceived, StreamReset
from extproc.http2.faults import ConnectionFault, ErrorCode, StreamFault
from extproc.http2.header_blocks import HeaderBlocks
from extproc.http2.limits import Allowance, Limits
from extproc.http2.settings import INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, parse

if TYPE_CHECKING:
    from extproc.http2.outgoing import Outgoing
    from extproc.http2.reader import Frame
    from extproc.http2.stream import Stream
    from extproc.http2.streams import Streams

# What our PING carries: there is one kind only.
PING_DATA = b"kt-drain"


class _Block:
    """A header block that is not whole yet (RFC 9113 section 4.3)."""

    __slots__ = ("data", "end_stream", "more", "stream_id")

    def __init__(self, stream_id: int, data: bytes, *, end_stream: bool) -> None:
        self.stream_id = stream_id
        self.data = bytearray(data)
        self.end_stream = end_stream
        self.more = 0


class Incoming:
    """The receiving half of a connection."""

    __slots__ = (
        "_block",
        "_blocks",
        "_handlers",
        "_idle",
        "_limits",
        "_outgoing",
        "_pings",
        "_provoked",
        "_settings",
        "_streams",
        "_unanswered",
        "refusing",
    )

    def __init__(self, limits: Limits, streams: Streams, outgoing: Outgoing, now: float) -> None:
        self._limits = limits
        self._streams = streams
        self._outgoing = outgoing
        self._blocks = HeaderBlocks(limits.max_header_list_bytes)
        self._block: _Block | None = None
        self._unanswered = Allowance(limits.unanswered_resets, now)
        self._provoked = Allowance(limits.provoked_resets, now)
        self._pings = Allowance(limits.pings, now)
        self._settings = Allowance(limits.settings, now)
        self._idle = Allowance(limits.idle_frames, now)
        # Whether new streams are refused: the connection is about to end.
        self.refusing = False
        # Not a class attribute: the methods are bound once.
        self._handlers = {
            frames.DATA: self._on_data,
            frames.HEADERS: self._on_headers,
            frames.PRIORITY: self._on_priority,
            frames.RST_STREAM: self._on_rst_stream,
            frames.SETTINGS: self._on_settings,
            frames.PUSH_PROMISE: self._on_push_promise,
            frames.PING: self._on_ping,
            frames.GOAWAY: self._on_goaway,
            frames.WINDOW_UPDATE: self._on_window_update,
            frames.CONTINUATION: self._on_continuation,
        }

    def take(self, frame: Frame, now: float, events: list[Event]) -> None:
        """Act on one frame.

        Raises:
            ConnectionFault: the peer broke the protocol, or a limit.
        """
        kind, flags, stream_id, payload = frame
        if self._block is not None and (kind != frames.CONTINUATION or stream_id != self._block.stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame within a header block")  # section 6.10
        handler = self._handlers.get(kind)
        if handler is None:
            # Section 5.5: unknown types are ignored.
            self._spend(self._idle, now, "too many frames that bring nothing")
            return
        try:
            handler(flags, stream_id, payload, now, events)
        except StreamFault as fault:
            known = stream_id in self._streams.open
            self._spend(self._provoked, now, "too many streams in error")
            self._streams.reset(stream_id, fault.code)
            if known:
                events.append(StreamReset(stream_id))

    def _on_data(self, flags: int, stream_id: int, payload: bytes, now: float, events: list[Event]) -> None:
        size = len(payload)
        streams = self._streams
        if not streams.take(size):
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection's window")
        stream = streams.open.get(stream_id)
        if stream is None or stream.remote_ended:
            self._require_used(stream_id)
            if stream is None and stream_id in streams.abandoned:
                self._spend(self._idle, now, "too much DATA on closed streams")
                return
            raise StreamFault(ErrorCode.STREAM_CLOSED, "DATA on a stream that is closed")
        if not stream.receiving.take(size):
            raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the stream's window")
        if flags & frames.PADDED:
            payload = _unpadded(payload)
            streams.credit(stream_id, size - len(payload))
        ended = bool(flags & frames.END_STREAM)
        if stream.content_left is not None:
            stream.content_left -= len(payload)
            _require_length(stream, ended=ended)
        if ended:
            stream.remote_ended = True
        elif not payload:
            self._spend(self._idle, now, "too many empty DATA frames")
        events.append(DataReceived(stream_id, payload, ended))

    def _on_headers(self, flags: int, stream_id: int, payload: bytes, now: float, events: list[Event]) -> None:
        if not stream_id % 2:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream no client can open")  # section 5.1.1
        if flags & frames.PADDED:
            payload = _unpadded(payload)
        if flags & frames.PRIORITISED:
            if len(payload) < 5:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS without the priority it announces")
            payload = payload[5:]
        end_stream = bool(flags & frames.END_STREAM)
        if flags & frames.END_HEADERS:
            self._on_head(stream_id, payload, end_stream, now, events)
        else:
            self._block = _Block(stream_id, payload, end_stream=end_stream)

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes, now: float, events: list[Event]) -> None:
        block = self._block
        if block is None:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of nothing")
        block.data += payload
        block.more += 1
        if block.more > self._limits.max_continuations or len(block.data) > self._limits.max_header_block_bytes:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a header block that goes on and on")
        if flags & frames.END_HEADERS:
            self._block = None
            self._on_head(stream_id, bytes(block.data), block.end_stream, now, events)

    def _on_head(self, stream_id: int, block: bytes, ended: bool, now: float, events: list[Event]) -> None:
        # Decoded whatever becomes of the stream: the table is the connection's (section 4.3).
        head = self._blocks.decode(block)
        streams = self._streams
        stream = streams.open.get(stream_id)
        if stream is not None:
            if stream.remote_ended:
                raise StreamFault(ErrorCode.STREAM_CLOSED, "HEADERS on a stream that the peer has ended")
            if not (ended and head.trailing):
                raise StreamFault(ErrorCode.PROTOCOL_ERROR, "no trailer section")  # section 8.1
            _require_length(stream, ended=True)
            stream.remote_ended = True
            events.append(DataReceived(stream_id, b"", ended=True))
            return
        if stream_id <= streams.last_id:
            if stream_id not in streams.abandoned:
                raise ConnectionFault(ErrorCode.STREAM_CLOSED, "HEADERS on a stream that is closed")  # section 5.1
            self._spend(self._idle, now, "too many HEADERS on closed streams")
            return
        streams.last_id = stream_id
        if self.refusing or streams.full:
            raise StreamFault(ErrorCode.REFUSED_STREAM, "no more streams")  # section 5.1.2
        if head.malformed:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, head.malformed)  # section 8.1.1
        stream = streams.create(stream_id, head.content_length)
        if ended:
            _require_length(stream, ended=True)
            stream.remote_ended = True
        events.append(RequestReceived(stream_id, head, ended))

    def _on_priority(self, _: int, stream_id: int, payload: bytes, now: float, __: list[Event]) -> None:
        # Deprecated (section 5.3.2): only its form is looked at.
        if stream_id == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PRIORITY of no stream")
        if len(payload) != 5:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY of a wrong length")
        self._spend(self._idle, now, "too many PRIORITY frames")

    def _on_rst_stream(self, _: int, stream_id: int, payload: bytes, now: float, events: list[Event]) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM of a wrong length")
        self._require_used(stream_id)
        stream = self._streams.open.get(stream_id)
        if stream is None:
            self._spend(self._idle, now, "too many resets of closed streams")
            return
        self._streams.drop(stream_id)
        events.append(StreamReset(stream_id))
        if not stream.answered:
            self._spend(self._unanswered, now, "too many streams reset before they were answered")

    def _on_settings(self, flags: int, stream_id: int, payload: bytes, now: float, _: list[Event]) -> None:
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS of a stream")
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS acknowledged with a payload")
            self._spend(self._idle, now, "too many acknowledgements")
            return
        self._spend(self._settings, now, "too many SETTINGS")
        found = parse(payload)
        outgoing = self._outgoing
        outgoing.max_frame = found.get(MAX_FRAME_SIZE, outgoing.max_frame)
        if INITIAL_WINDOW_SIZE in found:
            # Section 6.9.2: the difference counts for every stream that is open, and may put it below zero.
            change = found[INITIAL_WINDOW_SIZE] - outgoing.initial_window
            outgoing.initial_window += change
            for stream in self._streams.open.values():
                stream.window += change
                if stream.window > frames.LARGEST:
                    raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window over 2^31-1")
                outgoing.ready(stream)
        outgoing.control(frames.SETTINGS_ACK)

    def _on_push_promise(self, _: int, __: int, ___: bytes, ____: float, _____: list[Event]) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE from a client")  # section 8.4

    def _on_ping(self, flags: int, stream_id: int, payload: bytes, now: float, events: list[Event]) -> None:
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PING of a stream")
        if len(payload) != 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "PING of a wrong length")
        self._spend(self._pings, now, "too many PING frames")
        if not flags & frames.ACK:
            self._outgoing.control(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif payload == PING_DATA:
            events.append(Acknowledged())

    def _on_goaway(self, _: int, stream_id: int, payload: bytes, now: float, __: list[Event]) -> None:
        # The peer opens no more streams (section 6.8), and closes when the last one is over. We never open any.
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "GOAWAY of a stream")
        if len(payload) < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY of a wrong length")
        self._spend(self._idle, now, "too many GOAWAY frames")

    def _on_window_update(self, _: int, stream_id: int, payload: bytes, now: float, __: list[Event]) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE of a wrong length")
        self._spend(self._idle, now, "too many WINDOW_UPDATE frames")
        increment = int.from_bytes(payload, "big") & frames.LARGEST
        outgoing = self._outgoing
        if not stream_id:
            outgoing.window += increment
            if not increment or outgoing.window > frames.LARGEST:
                wrong = ErrorCode.FLOW_CONTROL_ERROR if increment else ErrorCode.PROTOCOL_ERROR
                raise ConnectionFault(wrong, "WINDOW_UPDATE of 0, or beyond 2^31-1")  # sections 6.9 and 6.9.1
            return
        self._require_used(stream_id)
        stream = self._streams.open.get(stream_id)
        if stream is None:
            return
        stream.window += increment
        if not increment or stream.window > frames.LARGEST:
            wrong = ErrorCode.FLOW_CONTROL_ERROR if increment else ErrorCode.PROTOCOL_ERROR
            raise StreamFault(wrong, "WINDOW_UPDATE of 0, or beyond 2^31-1")
        outgoing.ready(stream)

    def _require_used(self, stream_id: int) -> None:
        # Section 5.1, "idle": of a stream that was never opened nothing but HEADERS and PRIORITY may come.
        if not 0 < stream_id <= self._streams.last_id or not stream_id % 2:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame of a stream that was never opened")

    def _spend(self, allowance: Allowance, now: float, reason: str) -> None:
        if not allowance.spend(now):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, reason)


def _unpadded(payload: bytes) -> bytes:
    # Sections 6.1 and 6.2: the first byte counts those of padding at the end.
    if not payload:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a padded frame without its length")
    end = len(payload) - payload[0]
    if end < 1:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "more padding than payload")
    return payload[1:end]


def _require_length(stream: Stream, *, ended: bool) -> None:
    # Section 8.1.1: as many bytes as content-length has announced.
    left = stream.content_left
    if left is not None and (left < 0 or (ended and left)):
        raise StreamFault(ErrorCode.PROTOCOL_ERROR, "not what content-length says")
