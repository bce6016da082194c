"""What is to be sent: control frames at once, messages within the peer's windows and at the socket's pace."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from extproc.http2.frames import DATA, DEFAULT_MAX_FRAME, HEAD
from extproc.http2.settings import DEFAULT_WINDOW

if TYPE_CHECKING:
    from extproc.http2.stream import Stream

# So many bytes are made ready at a time; the rest waits, so that a socket that is full is noticed in between.
BATCH_BYTES = 256 * 1024
# A frame no longer than this, whatever the peer would take: streams take turns by frames.
_LONGEST_FRAME = 65_536


class Outgoing:
    """The sending half of a connection."""

    __slots__ = ("_queue", "_size", "frames", "initial_window", "max_frame", "window", "writable")

    def __init__(self) -> None:
        # Frames that are ready for the socket.
        self.frames: list[bytes] = []
        self._size = 0
        # Streams with something to send that their own window allows, in the order of their turns.
        self._queue: deque[Stream] = deque()
        # What the peer's settings and updates allow.
        self.window = DEFAULT_WINDOW
        self.initial_window = DEFAULT_WINDOW
        self.max_frame = DEFAULT_MAX_FRAME
        # Whether the socket takes more.
        self.writable = True

    def take(self) -> list[bytes]:
        """The frames that are ready, for the socket."""
        frames, self.frames, self._size = self.frames, [], 0
        return frames

    def control(self, frame: bytes) -> None:
        """A frame that no window holds back (RFC 9113 section 5.2.1)."""
        self.frames.append(frame)
        self._size += len(frame)

    def data(self, stream: Stream, data: bytes) -> bool:
        """A message of a stream that has none pending; False while some of it has to wait."""
        size = len(data)
        ready = self.writable and self._size < BATCH_BYTES
        if ready and size <= self.max_frame and size <= self.window and size <= stream.window:
            self.window -= size
            stream.window -= size
            self._size += size
            self.frames.append(HEAD.pack(size >> 16, size & 0xFFFF, DATA, 0, stream.id) + data)
            return True
        stream.pending = memoryview(data)
        while ready and self.window > 0 and stream.window > 0:
            if self._frame(stream):
                return True
            ready = self._size < BATCH_BYTES
        self.ready(stream)
        return False

    def ready(self, stream: Stream) -> None:
        """Line a stream up that has something to send, if its window allows it."""
        if stream.pending is not None and stream.window > 0 and not stream.waiting:
            stream.waiting = True
            self._queue.append(stream)

    def pump(self) -> list[Stream]:
        """Send what can be sent, a frame of each stream in turn; the streams that have nothing pending any more."""
        done = []
        while self._queue and self.writable and self.window > 0 and self._size < BATCH_BYTES:
            stream = self._queue.popleft()
            stream.waiting = False
            if stream.pending is None or stream.window <= 0:
                continue  # It was reset, or its window was made smaller.
            if self._frame(stream):
                done.append(stream)
            else:
                self.ready(stream)
        return done

    @property
    def more(self) -> bool:
        """Whether something waits that needs no word of the peer's, only the socket."""
        return bool(self._queue) and self.writable and self.window > 0

    def _frame(self, stream: Stream) -> bool:
        """Send one frame of what is pending; whether that was the last."""
        pending = stream.pending
        if pending is None:
            return True
        size = min(len(pending), self.window, stream.window, self.max_frame, _LONGEST_FRAME)
        self.window -= size
        stream.window -= size
        self._size += size
        self.frames.append(HEAD.pack(size >> 16, size & 0xFFFF, DATA, 0, stream.id) + pending[:size])
        stream.pending = pending[size:] if size < len(pending) else None
        return stream.pending is None
