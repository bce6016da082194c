"""Flow control (RFC 9113 section 5.2), the receiving half: what a peer may send, and when it is told to go on."""

from __future__ import annotations


class ReceiveWindow:
    """The window of one stream, or of the connection.

    Given back are bytes that were consumed, not those that came: a reader that is slow slows its peer down. The peer
    is told of them when they make half of the window: a WINDOW_UPDATE for every message would double the frames.

    A window may be made larger for a while (`extend`): what was lent so is not given back when it is consumed.
    """

    __slots__ = ("_due", "_lent", "_threshold", "left")

    def __init__(self, size: int) -> None:
        # What the peer may still send.
        self.left = size
        self._threshold = size // 2
        self._due = 0
        self._lent = 0

    def take(self, count: int) -> bool:
        """Bytes came; False when the peer was not allowed to send them."""
        self.left -= count
        return self.left >= 0

    def give(self, count: int) -> int:
        """Bytes were consumed; the increment to tell the peer of, 0 for none yet."""
        if self._lent:
            repaid = min(self._lent, count)
            self._lent -= repaid
            count -= repaid
        self._due += count
        if self._due < self._threshold:
            return 0
        increment, self._due = self._due, 0
        self.left += increment
        return increment

    def extend(self, count: int) -> int:
        """The peer is to have room for `count` bytes at the least; the increment to tell it of, 0 for none."""
        increment = count - self.left
        if increment <= 0:
            return 0
        # What was consumed and is still to be told of comes first.
        given = min(self._due, increment)
        self._due -= given
        self._lent += increment - given
        self.left += increment
        return increment
