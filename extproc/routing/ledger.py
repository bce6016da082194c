"""The books of one worker: its own row of every target, and the rows of all workers put together.

Where the others' rows come from, and where the own ones go, are arguments: shared memory at the edge, nothing in tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from extproc.routing import breaker
from extproc.routing.row import EMPTY, Row, combine, faded, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from extproc.routing.breaker import Breaker
    from extproc.routing.targets import Target


class Observer(Protocol):
    """What planning asks: never more than what is known at the moment."""

    def of(self, target: str, now: float) -> Row:
        """What all workers know of a target, by its id."""

    def turn(self, group: str) -> int:
        """How many requests this worker has planned for a group before this one."""

    def chance(self) -> float:
        """A random number, at least 0 and less than 1."""


class Unobserved:
    """Throws no dice and keeps no books: it knows the given rows by target id, or nothing."""

    def __init__(self, rows: Mapping[str, Row] | None = None) -> None:
        self._rows = rows or {}

    def of(self, target: str, now: float) -> Row:
        """The row given for it."""
        del now
        return self._rows.get(target, EMPTY)

    def turn(self, group: str) -> int:
        """Always the first."""
        del group
        return 0

    def chance(self) -> float:
        """Always the lowest."""
        return 0.0


def _nobody(key: bytes, now: float) -> Row:
    del key, now
    return EMPTY


class Ledger:
    """One worker's books.

    Args:
        targets: of the configuration.
        settings: of their circuit breakers.
        window: in which means lose weight to 1/e, seconds.
        chance: random numbers, at least 0 and less than 1.
        others: the combined row of all other workers, by `key_of` and Unix seconds; asked often.
        publish: told of each change of an own row.
        rows: to begin with, by `key_of`: those of a worker whose place this one takes.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        settings: Breaker,
        window: float,
        *,
        chance: Callable[[], float],
        others: Callable[[bytes, float], Row] = _nobody,
        publish: Callable[[bytes, Row], None] | None = None,
        rows: Mapping[bytes, Row] | None = None,
    ) -> None:
        self._keys = {target.id: key_of(target) for target in targets}
        self._settings = settings
        self._window = window
        self._others = others
        self._publish = publish
        self._rows = {key: (rows or {}).get(key, EMPTY) for key in self._keys.values()}
        self._combined: dict[bytes, tuple[Row, Row, Row]] = {}
        self._turns: dict[str, int] = {}
        self.chance = chance

    def of(self, target: str, now: float) -> Row:
        """What all workers know of a target, by its id; nothing of one that is not in the configuration."""
        key = self._keys.get(target, b"")
        own, others = self._rows.get(key, EMPTY), self._others(key, now)
        before = self._combined.get(key)
        # Most rows have not changed since the request before.
        if before is not None and before[0] is own and before[1] is others:
            return before[2]
        row = combine(own, others, self._window)
        self._combined[key] = own, others, row
        return row

    def turn(self, group: str) -> int:
        """How many requests this worker has planned for a group before this one."""
        turn = self._turns.get(group)
        # Each worker begins elsewhere: together they would all begin with the first target.
        self._turns[group] = int(self.chance() * 720_720) if turn is None else turn + 1
        return self._turns[group]

    def began(self, target: str) -> None:
        """An exchange waits for this target, or is being answered by it."""
        self._count(target, 1.0)

    def ended(self, target: str) -> None:
        """It does so no longer."""
        self._count(target, -1.0)

    def probe(self, target: str, by: int) -> None:
        """A request that probes this target has gone out (1), or knows by now what became of it (-1)."""
        if target in self._keys:
            row = self._rows[self._keys[target]]
            self._set(target, row._replace(probing=max(0.0, row.probing + by)))

    def attempted(self, target: str, kind: str, now: float, retry_after: float = 0.0) -> None:
        """An attempt ended; `kind` is one of `outcome.KINDS`."""
        if target in self._keys:
            own, seen = self._rows[self._keys[target]], self.of(target, now)
            self._set(target, breaker.after(own, seen, kind, self._settings, now, retry_after=retry_after))

    def waited(self, target: str, seconds: float, now: float) -> None:
        """The first byte of an answer came so many seconds after its request went."""
        if target in self._keys and seconds >= 0:
            self._set(target, self._weighed(target, now, (1.0, seconds, 0.0, 0.0)))

    def spoke(self, target: str, tokens: int, seconds: float, now: float) -> None:
        """An answer's tokens came in so many seconds."""
        if target in self._keys and tokens > 0 and seconds > 0:
            self._set(target, self._weighed(target, now, (0.0, 0.0, tokens, seconds)))

    def _count(self, target: str, by: float) -> None:
        if target in self._keys:
            row = self._rows[self._keys[target]]
            # Twice as fast as _replace.
            self._set(target, Row._make((max(0.0, row.in_flight + by), *row[1:])))

    def _weighed(self, target: str, now: float, more: tuple[float, float, float, float]) -> Row:
        """The row with its means as they weigh now, and more waits, time waited, tokens and time spoken."""
        row = self._rows[self._keys[target]]
        left = faded(now - row.weighed_at, self._window) if row.weighed_at else 1.0
        waits, waited, tokens, spoken = row[18:22]
        wait, seconds, said, taken = more
        means = (waits * left + wait, waited * left + seconds, tokens * left + said, spoken * left + taken)
        return Row._make((*row[:18], *means, max(now, row.weighed_at)))

    def _set(self, target: str, row: Row) -> None:
        key = self._keys[target]
        self._rows[key] = row
        if self._publish is not None:
            self._publish(key, row)
