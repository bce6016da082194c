"""Flow control (RFC 9113 section 5.2), the receiving half: what a peer may send, and when it is told to go on."""

from __future__ import annotations


class ReceiveWindow:
    """The window of one stream, or of the connection.

    Given back are bytes that were consumed, not those that came: a reader that is slow slows its peer down. The peer
    is told of them when they make half of the window: a WINDOW_UPDATE for every message would double the frames.
    """

    __slots__ = ("_due", "_left", "_threshold", "owed")

    def __init__(self, size: int) -> None:
        self._left = size
        self._threshold = size // 2
        self._due = 0
        # What came and was not given back yet.
        self.owed = 0

    def take(self, count: int) -> bool:
        """Bytes came; False when the peer was not allowed to send them."""
        self._left -= count
        self.owed += count
        return self._left >= 0

    def give(self, count: int) -> int:
        """Bytes were consumed; the increment to tell the peer of, 0 for none yet."""
        self.owed -= count
        self._due += count
        if self._due < self._threshold:
            return 0
        increment, self._due = self._due, 0
        self._left += increment
        return increment
