"""When the text of streams comes, for the load generator: the first of each answer, and how far apart it is.

Reads no JSON: it looks for the member `content` with something in it, which OpenAI's chunks have in common whether
they come as server-sent events or in SageMaker's frames, for which the bytes are enough.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field

TEXT = re.compile(rb'"content": ?"[^"]')
# What of it may stand at the end of one piece, the rest in the next.
_CARRIED = len(b'"content":"')


@dataclass
class Noted:
    """Seconds, of all connections together.

    `first_event` and `first_text`: from the request to the first byte of the body, and to its first text. `gaps`:
    between a piece that brought text and the next that did. Pieces are what one read of the socket gave.
    """

    first_event: array[float] = field(default_factory=lambda: array("d"))
    first_text: array[float] = field(default_factory=lambda: array("d"))
    gaps: array[float] = field(default_factory=lambda: array("d"))


class Texts:
    """Follows the answers of one connection. Noted is only what was asked, or came, between `begin` and `end`."""

    def __init__(self, begin: float, end: float, noted: Noted) -> None:
        self._begin = begin
        self._end = end
        self._noted = noted
        self.asked(0.0)

    def asked(self, now: float) -> None:
        """A new answer is to come."""
        self._asked = now
        self._event = 0.0
        self._last = 0.0
        self._carried = b""

    def feed(self, now: float, data: bytes, *, begun: bool) -> None:
        """Take the next piece; `begun`: some of the body is there."""
        if begun and not self._event:
            self._event = now
        searched = self._carried + data
        self._carried = searched[-_CARRIED:]
        if TEXT.search(searched) is None:
            return
        if self._last:
            if self._begin <= now < self._end:
                self._noted.gaps.append(now - self._last)
        elif self._begin <= self._asked < self._end:
            self._noted.first_event.append(self._event - self._asked)
            self._noted.first_text.append(now - self._asked)
        self._last = now
