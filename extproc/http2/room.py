"""Room for large messages: so many bytes for all that ask, in the order in which they ask."""

from __future__ import annotations

from typing import Protocol


class Asking(Protocol):
    """Who asks for room."""

    def admitted(self) -> None:
        """Told when it has what it had to wait for."""


class Room:
    """Room is asked for once by each, and given back once: by `leave`, had or not."""

    __slots__ = ("_had", "_limit", "_waiting", "used")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.used = 0
        self._had: dict[Asking, int] = {}
        self._waiting: dict[Asking, int] = {}

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def ask(self, who: Asking, size: int) -> None:
        """Room for `size` bytes: `who` is told at once if there is, else when it is its turn."""
        self._waiting[who] = size
        self._admit()

    def leave(self, who: Asking) -> None:
        """Give back what `who` has, or its place among those that wait."""
        self.used -= self._had.pop(who, 0)
        self._waiting.pop(who, None)
        self._admit()

    def _admit(self) -> None:
        # Who comes first is not passed by smaller ones: a large one would wait for ever. One alone always has room.
        while self._waiting:
            who, size = next(iter(self._waiting.items()))
            if self.used and self.used + size > self._limit:
                return
            del self._waiting[who]
            self._had[who] = size
            self.used += size
            who.admitted()
