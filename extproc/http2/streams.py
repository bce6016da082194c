"""The streams of a connection: which are open, what their peers may send, and how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.http2.faults import ErrorCode
from extproc.http2.frames import rst_stream, window_update
from extproc.http2.stream import Stream
from extproc.http2.window import ReceiveWindow

if TYPE_CHECKING:
    from extproc.http2.limits import Limits
    from extproc.http2.outgoing import Outgoing

# Of so many streams that we have ended before their peer had, frames that were under way are known and let pass.
_REMEMBERED = 4_096


class Streams:
    """All that are open, by their identifiers."""

    __slots__ = ("_limits", "_outgoing", "_window", "abandoned", "last_id", "open")

    def __init__(self, limits: Limits, outgoing: Outgoing) -> None:
        self._limits = limits
        self._outgoing = outgoing
        # The connection's.
        self._window = ReceiveWindow(limits.connection_window)
        self.open: dict[int, Stream] = {}
        # The highest that the peer has used (RFC 9113 section 5.1.1).
        self.last_id = 0
        # Those that we have ended first, the latest last.
        self.abandoned: dict[int, None] = {}

    @property
    def full(self) -> bool:
        """Whether as many are open as may be."""
        return len(self.open) >= self._limits.max_concurrent_streams

    def create(self, stream_id: int, content_length: int | None) -> Stream:
        """Open one."""
        stream = self.open[stream_id] = Stream(
            stream_id,
            receive=self._limits.stream_window,
            send=self._outgoing.initial_window,
            content_length=content_length,
        )
        return stream

    def take(self, count: int) -> bool:
        """Bytes came, on whichever stream; False when the peer was not allowed to send them.

        The connection's window is given back at once: what is held is bounded by the streams' own windows. If it
        followed what is read, streams that nobody reads would use it up, and all others would stand still with them.
        """
        allowed = self._window.take(count)
        increment = self._window.give(count)
        if increment:
            self._outgoing.control(window_update(0, increment))
        return allowed

    def credit(self, stream_id: int, count: int) -> None:
        """Bytes of a stream were consumed."""
        stream = self.open.get(stream_id)
        if stream is not None:
            self._tell(stream, stream.receiving.give(count))

    def extend(self, stream_id: int, count: int) -> None:
        """The peer may send `count` bytes on a stream, beyond its window if need be."""
        stream = self.open.get(stream_id)
        if stream is not None:
            self._tell(stream, stream.receiving.extend(count))

    def _tell(self, stream: Stream, increment: int) -> None:
        if increment and not stream.remote_ended:
            self._outgoing.control(window_update(stream.id, increment))

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """End one at once (RFC 9113 section 5.4.2), open or not."""
        self._outgoing.control(rst_stream(stream_id, code))
        self.abandon(stream_id)

    def abandon(self, stream_id: int) -> None:
        """Forget one that we have ended; what the peer has sent on it meanwhile is nothing wrong (section 5.1)."""
        self.abandoned[stream_id] = None
        if len(self.abandoned) > _REMEMBERED:
            del self.abandoned[next(iter(self.abandoned))]
        self.drop(stream_id)

    def drop(self, stream_id: int) -> None:
        """Forget one that is over."""
        stream = self.open.pop(stream_id, None)
        if stream is not None:
            stream.pending = None

    def ended(self, stream: Stream) -> None:
        """We have sent END_STREAM. A peer that goes on sending is told that nobody listens (section 8.1)."""
        if stream.remote_ended:
            self.drop(stream.id)
        else:
            self.reset(stream.id, ErrorCode.NO_ERROR)
