"""What one sink has still to get: which part of which segment next, how much there is, how long it has waited.

Chains keep their order, each by itself. What was there before the gateway started is caught up beside what is new, turn
by turn, so that a sink that was added late, or was away for long, does not make new lines late.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extproc.audit.segment import Segment
    from extproc.config.sink_settings import SinkSettings
    from extproc.edge.trail.piece import Piece
    from extproc.edge.trail.watch import Seen

# Ages are kept for so many sizes of a segment; more are joined two by two, as old as the older one.
_MARKS = 256


@dataclass(slots=True, eq=False)
class Part:
    """One segment, as one sink sees it.

    `looked`: what lies before it is delivered or not sealed. `marks`: up to which size it had grown when (monotonic
    seconds), as far as that is not delivered. `tried`: where the piece ended whose delivery failed, 0 for none;
    `not_before`: when it may be tried again.
    """

    segment: Segment
    fresh: bool
    delivered: int = 0
    size: int = 0
    looked: int = 0
    marks: deque[tuple[int, float]] = field(default_factory=deque)
    tried: int = 0
    failures: int = 0
    not_before: float = 0.0

    @property
    def pending(self) -> int:
        """How many bytes there are that may be delivered."""
        return self.size - self.delivered if self.size > self.looked else 0

    @property
    def since(self) -> float:
        """When the oldest of them was first seen (monotonic seconds)."""
        return self.marks[0][1] if self.marks else 0.0

    def grow(self, size: int, now: float) -> None:
        """The segment has `size` bytes now."""
        self.size = size
        if size <= self.delivered:
            self.looked = self.delivered
            return
        self.marks.append((size, now))
        if len(self.marks) > _MARKS:
            marks = list(self.marks)
            self.marks = deque((marks[i + 1][0], marks[i][1]) for i in range(0, len(marks) - 1, 2))
            self.marks.extend(marks[len(marks) & ~1 :])


class Backlog:
    """The parts that one sink has still to get. Not for several threads at once.

    Args:
        settings: the sink's.
        delivered: its cursor: bytes by segment.
    """

    def __init__(self, settings: SinkSettings, delivered: Mapping[str, int]) -> None:
        self._settings = settings
        self._cursor = dict(delivered)
        self._parts: dict[str, Part] = {}
        self._chains: dict[str, dict[int, Part]] = {}
        self._started = False
        self._old_next = False

    def note(self, seen: Seen, now: float, wall: float) -> tuple[str, ...]:
        """What the watch has seen; `now` in monotonic, `wall` in Unix seconds. The segments that went undelivered."""
        gone = [part for name in seen.gone if (part := self._parts.get(name)) is not None]
        lost = tuple(sorted(part.segment.name for part in gone if part.pending))
        for part in gone:
            self.forget(part)
        for growth in seen.grown:
            name = growth.segment.name
            part = self._parts.get(name)
            if part is None:
                done = self._cursor.pop(name, 0)
                # Shorter than what was delivered of it: not for a sink to judge; what grows is delivered again.
                done = done if done <= growth.size else 0
                part = Part(growth.segment, self._started, done, looked=done)
                self._parts[name] = part
            waited = max(0.0, wall - growth.modified) if not part.fresh and not part.marks else 0.0
            part.fresh = part.fresh or (self._started and not part.pending)
            part.grow(growth.size, now - waited)
            if part.pending:
                self._chains.setdefault(growth.segment.chain, {})[growth.segment.number] = part
        if not self._started:
            self._started = True
            self._cursor.clear()
        return lost

    def next(self, now: float, *, flush: bool = False) -> tuple[Part | None, float | None]:
        """The part to deliver from now, or none and when there may be one without anything new (monotonic seconds)."""
        ready: tuple[list[tuple[float, Part]], list[tuple[float, Part]]] = ([], [])
        later: float | None = None
        for chain, parts in list(self._chains.items()):
            while parts and not parts[min(parts)].pending:
                del parts[min(parts)]
            if not parts:
                del self._chains[chain]
                continue
            part = parts[min(parts)]
            at = self._due(part, followed=len(parts) > 1, flush=flush)
            if at <= now:
                ready[part.fresh].append((max(part.since, part.not_before), part))
            else:
                later = at if later is None else min(later, at)
        old, fresh = ready
        chosen = old if old and (self._old_next or not fresh) else fresh
        if not chosen:
            return None, later
        self._old_next = chosen is fresh
        return min(chosen, key=lambda entry: (entry[0], entry[1].segment))[1], now

    def delivered(self, part: Part, piece: Piece, taken: int) -> None:
        """So many bytes of the piece have arrived; 0 when there was nothing sealed in it."""
        part.delivered = part.delivered + taken
        part.looked = part.delivered if piece.more or taken < len(piece.data) else max(piece.looked, part.delivered)
        part.tried, part.failures, part.not_before = 0, 0, 0.0
        while part.marks and part.marks[0][0] <= part.delivered:
            part.marks.popleft()
        part.size = max(part.size, part.delivered)

    def forget(self, part: Part) -> None:
        """The segment is not there any more."""
        self._parts.pop(part.segment.name, None)
        self._chains.get(part.segment.chain, {}).pop(part.segment.number, None)

    def cursor(self) -> dict[str, int]:
        """Bytes delivered, by segment."""
        return {name: part.delivered for name, part in self._parts.items() if part.delivered} | self._cursor

    def size(self) -> int:
        """How many bytes wait."""
        return sum(part.pending for part in self._waiting())

    def since(self, *, fresh: bool) -> float | None:
        """When the oldest bytes that wait were first seen (monotonic seconds); None when none do.

        With `fresh` of those that came after the start, else of those that were there, by when they could last have
        been written.
        """
        return min((part.since for part in self._waiting() if part.fresh is fresh), default=None)

    def hurry(self) -> None:
        """What has failed may be tried again at once."""
        for part in self._waiting():
            part.not_before = 0.0

    def _waiting(self) -> Iterable[Part]:
        return (part for parts in self._chains.values() for part in parts.values() if part.pending)

    def _due(self, part: Part, *, followed: bool, flush: bool) -> float:
        if flush or followed or part.pending >= self._settings.batch_bytes:
            return part.not_before
        return max(part.not_before, part.since + self._settings.interval)
