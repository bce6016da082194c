"""One HTTP/2 connection, the server's side: what came in, events out; what is to be sent in, bytes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.http2 import frames
from extproc.http2.events import ConnectionEnded, Event, Sent
from extproc.http2.faults import ConnectionFault, ErrorCode
from extproc.http2.header_blocks import NO_TABLE
from extproc.http2.incoming import PING_DATA, Incoming
from extproc.http2.outgoing import Outgoing
from extproc.http2.reader import FrameReader
from extproc.http2.settings import opening
from extproc.http2.streams import Streams

if TYPE_CHECKING:
    from extproc.http2.limits import Limits
    from extproc.http2.stream import Stream


class Connection:
    """Sans-IO. After every call `take()` gives what is to be written, in order.

    Nothing is sent on a stream that is over: the calls for it do nothing.
    """

    __slots__ = ("_incoming", "_outgoing", "_prefix", "_reader", "_streams", "ended")

    def __init__(self, limits: Limits, now: float) -> None:
        self._reader = FrameReader()
        self._outgoing = Outgoing()
        self._streams = Streams(limits, self._outgoing)
        self._incoming = Incoming(limits, self._streams, self._outgoing, now)
        self._prefix = NO_TABLE
        # Whether the connection was given up: nothing is read any more.
        self.ended = False
        self._outgoing.control(opening(limits))

    @property
    def prefaced(self) -> bool:
        """Whether the client has shown that it speaks HTTP/2."""
        return self._reader.prefaced

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._streams.open)

    @property
    def refusing(self) -> bool:
        """Whether new streams are refused."""
        return self._incoming.refusing

    @property
    def more(self) -> bool:
        """Whether messages wait for nothing but the socket: `resume` sends them."""
        return self._outgoing.more

    def receive(self, data: bytes, now: float) -> list[Event]:
        """What the peer's bytes mean. `now` is in seconds, of a clock that never goes back."""
        events: list[Event] = []
        if self.ended:
            return events
        cut, fault = self._reader.feed(data)
        try:
            for frame in cut:
                self._incoming.take(frame, now, events)
            if fault is not None:
                raise fault
        except ConnectionFault as wrong:
            # Section 5.4.1. What was asked before counts no more: its streams end with the connection.
            self.ended = True
            self._outgoing.control(frames.goaway(self._streams.last_id, wrong.code, wrong.reason))
            events.append(ConnectionEnded(wrong.code, wrong.reason))
            return events
        self._pump(events)
        return events

    def take(self) -> list[bytes]:
        """What is to be written now."""
        return self._outgoing.take()

    def pause(self) -> None:
        """The socket takes no more: messages wait."""
        self._outgoing.writable = False

    def resume(self) -> list[Event]:
        """The socket takes more."""
        self._outgoing.writable = True
        events: list[Event] = []
        self._pump(events)
        return events

    def send_headers(self, stream_id: int, block: bytes) -> None:
        """The head of the answer; `block` is of literals and static entries only."""
        stream = self._streams.open.get(stream_id)
        if stream is not None:
            stream.answered = True
            self._send_block(stream, block, end_stream=False)

    def send_data(self, stream_id: int, data: bytes) -> bool:
        """A part of the answer; False when some of it waits: nothing more may be sent on it before `Sent` comes."""
        stream = self._streams.open.get(stream_id)
        return stream is None or self._outgoing.data(stream, data)

    def send_trailers(self, stream_id: int, block: bytes) -> None:
        """The end of the answer, once all before it has gone; without a head before it, head and end in one."""
        stream = self._streams.open.get(stream_id)
        if stream is None:
            return
        stream.answered = True
        if stream.pending is None:
            self._end(stream, block)
        else:
            stream.trailers = block

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """Give a stream up; without END_STREAM its peer knows that the answer is not whole."""
        if stream_id in self._streams.open:
            self._streams.reset(stream_id, code)

    def credit(self, stream_id: int, count: int) -> None:
        """So many bytes of DataReceived are consumed: the peer may send as many more."""
        self._streams.credit(stream_id, count)

    def extend(self, stream_id: int, count: int) -> None:
        """The peer may send `count` bytes, even if they are more than the stream's window has left."""
        self._streams.extend(stream_id, count)

    def announce_end(self) -> None:
        """Section 6.8: ask the peer to open no more streams; those under way to us are still served."""
        self._outgoing.control(frames.goaway(frames.LARGEST, ErrorCode.NO_ERROR))
        self._outgoing.control(frames.frame(frames.PING, 0, 0, PING_DATA))

    def refuse_streams(self) -> None:
        """Take no more streams, and tell the peer which was the last."""
        if not self._incoming.refusing:
            self._incoming.refusing = True
            self._outgoing.control(frames.goaway(self._streams.last_id, ErrorCode.NO_ERROR))

    def _pump(self, events: list[Event]) -> None:
        for stream in self._outgoing.pump():
            if stream.trailers is None:
                events.append(Sent(stream.id))
            else:
                self._end(stream, stream.trailers)

    def _end(self, stream: Stream, block: bytes) -> None:
        self._send_block(stream, block, end_stream=True)
        self._streams.ended(stream)

    def _send_block(self, stream: Stream, block: bytes, *, end_stream: bool) -> None:
        if self._prefix:
            block, self._prefix = self._prefix + block, b""
        max_frame = self._outgoing.max_frame
        self._outgoing.control(frames.header_frames(stream.id, block, end_stream=end_stream, max_frame=max_frame))
