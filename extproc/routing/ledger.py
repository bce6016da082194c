"""The books of one worker: its own row of every target, and the rows of all workers put together.

Where the others' rows come from, and where the own ones go, are arguments: shared memory at the edge, nothing in tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from extproc.routing import breaker
from extproc.routing.outcome import SUCCESS
from extproc.routing.row import EMPTY, Row, combine, faded, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from extproc.routing.breaker import Breaker
    from extproc.routing.targets import Target

# Where these stand in a row: every exchange changes some, and to change one in place takes a tenth of _replace's time.
_IN_FLIGHT, _PROBING, _SUCCESS, _STREAK, _SUCCEEDED_AT, _OPEN_UNTIL = map(
    Row._fields.index, ("in_flight", "probing", "success", "streak", "succeeded_at", "open_until")
)
_WAITS, _WAITED, _TOKENS, _SPOKEN, _WEIGHED_AT = map(
    Row._fields.index, ("waits", "waited", "tokens", "spoken", "weighed_at")
)


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
        publish: told of each change of an own row, whose numbers are to be read at once.
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
        publish: Callable[[bytes, Sequence[float]], None] | None = None,
        rows: Mapping[bytes, Row] | None = None,
    ) -> None:
        self._keys = {target.id: key_of(target) for target in targets}
        self._settings = settings
        self._window = window
        self._others = others
        self._publish = publish
        # Own rows, as lists.
        self._rows = {key: list((rows or {}).get(key, EMPTY)) for key in self._keys.values()}
        # What is known of a target since its own row has changed, and with which row of the others.
        self._known: dict[bytes, tuple[Row, Row]] = {}
        self._turns: dict[str, int] = {}
        self.chance = chance

    def of(self, target: str, now: float) -> Row:
        """What all workers know of a target, by its id; nothing of one that is not in the configuration."""
        key = self._keys.get(target)
        if key is None:
            return EMPTY
        others, known = self._others(key, now), self._known.get(key)
        if known is None or known[0] is not others:
            known = self._known[key] = others, combine(Row._make(self._rows[key]), others, self._window)
        return known[1]

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
            row[_PROBING] = max(0.0, row[_PROBING] + by)
            self._changed(target)

    def attempted(self, target: str, kind: str, now: float, retry_after: float = 0.0) -> None:
        """An attempt ended; `kind` is one of `outcome.KINDS`."""
        key = self._keys.get(target)
        if key is None:
            return
        own, others = self._rows[key], self._others(key, now)
        if kind == SUCCESS and not own[_OPEN_UNTIL] and not others[_OPEN_UNTIL]:
            # As breaker.after has it of a closed breaker, which nearly all are: nothing else has to be combined for it.
            own[_SUCCESS] += 1.0
            own[_STREAK] = 0.0
            own[_SUCCEEDED_AT] = max(now, own[_SUCCEEDED_AT], others[_SUCCEEDED_AT])
        else:
            before, seen = Row._make(own), self.of(target, now)
            own[:] = breaker.after(before, seen, kind, self._settings, now, retry_after=retry_after)
        self._changed(target)

    def waited(self, target: str, seconds: float, now: float) -> None:
        """The first byte of an answer came so many seconds after its request went."""
        if target in self._keys and seconds >= 0:
            row = self._weighed(target, now)
            row[_WAITS] += 1.0
            row[_WAITED] += seconds
            self._changed(target)

    def spoke(self, target: str, tokens: int, seconds: float, now: float) -> None:
        """An answer's tokens came in so many seconds."""
        if target in self._keys and tokens > 0 and seconds > 0:
            row = self._weighed(target, now)
            row[_TOKENS] += tokens
            row[_SPOKEN] += seconds
            self._changed(target)

    def _count(self, target: str, by: float) -> None:
        if target in self._keys:
            row = self._rows[self._keys[target]]
            row[_IN_FLIGHT] = max(0.0, row[_IN_FLIGHT] + by)
            self._changed(target)

    def _weighed(self, target: str, now: float) -> list[float]:
        """The own row, with its means as they weigh now."""
        row = self._rows[self._keys[target]]
        at = row[_WEIGHED_AT]
        if at:
            left = faded(now - at, self._window)
            for mean in (_WAITS, _WAITED, _TOKENS, _SPOKEN):
                row[mean] *= left
        row[_WEIGHED_AT] = max(now, at)
        return row

    def _changed(self, target: str) -> None:
        key = self._keys[target]
        self._known.pop(key, None)
        if self._publish is not None:
            self._publish(key, self._rows[key])
