"""Row: all that is remembered of one target. Each worker keeps one of its own; put together, they are the gateway's.

Rows are combined two by two, in any order, with the same result: counts are added, of times the later one counts,
and what only holds since some moment (a streak of failures since the last success, the successes of a half-open
breaker since it opened) carries that moment with it: of two rows the later moment's holds, of one moment both.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from operator import add
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from extproc.routing.targets import Target

KEY_BYTES = 8


class Row(NamedTuple):
    """What is known of a target. Numbers only, so that a row is its own layout in shared memory.

    Counts of attempts, one for each kind of `outcome.py`. `in_flight`: exchanges that wait for this target, or are
    being answered by it; `probing` are those of the first that probe it, half-open as it is.

    `streak` failures have come one after the other since `succeeded_at`. The circuit breaker was last changed at
    `changed_at`: `open_until` is 0 when it is closed, `cause` one of breaker.py's, `wins` the successes since then.

    `waits` answers took `waited` seconds to their first byte, and `tokens` came in `spoken` seconds; these four lose
    weight with time, and stand as they were at `weighed_at`. Times are Unix seconds, 0 for never.
    """

    in_flight: float = 0.0
    probing: float = 0.0
    success: float = 0.0
    rejected: float = 0.0
    throttled: float = 0.0
    server_error: float = 0.0
    timeout: float = 0.0
    no_answer: float = 0.0
    no_capacity: float = 0.0
    refused: float = 0.0
    broken_off: float = 0.0
    streak: float = 0.0
    succeeded_at: float = 0.0
    failed_at: float = 0.0
    changed_at: float = 0.0
    open_until: float = 0.0
    cause: float = 0.0
    wins: float = 0.0
    waits: float = 0.0
    waited: float = 0.0
    tokens: float = 0.0
    spoken: float = 0.0
    weighed_at: float = 0.0

    @property
    def latency(self) -> float | None:
        """Mean seconds to the first byte, recent answers counting more; None before the first one."""
        return self.waited / self.waits if self.waits else None

    @property
    def throughput(self) -> float | None:
        """Mean tokens a second of an answer, recent ones counting more; None before the first one."""
        return self.tokens / self.spoken if self.spoken else None

    def weight(self, now: float, window: float) -> float:
        """How many answers the mean latency still rests on, when each loses weight to 1/e in `window` seconds."""
        return self.waits * faded(now - self.weighed_at, window) if self.waits else 0.0


EMPTY = Row()


def combine(one: Row, other: Row, window: float) -> Row:
    """Both rows as one; `window` is the time in which means lose weight to 1/e, in seconds."""
    if other is EMPTY:
        return one
    if one is EMPTY:
        return other
    # By place, as a name for each would take three times as long: counts to 11, the streak to 13, the breaker 14 to 17.
    # Two workers may change a breaker in one instant: then the one that keeps it open longer counts.
    mine, yours = one[14:17], other[14:17]
    register = max(mine, yours)
    wins = (one.wins if mine == register else 0.0) + (other.wins if yours == register else 0.0)
    if one.succeeded_at == other.succeeded_at:
        streak, since = one.streak + other.streak, one.succeeded_at
    else:
        streak, since = one[11:13] if one.succeeded_at > other.succeeded_at else other[11:13]
    return Row._make(
        (
            *map(add, one[:11], other[:11]),
            streak,
            since,
            max(one.failed_at, other.failed_at),
            *register,
            wins,
            *_means(one, other, window),
        )
    )


def _means(one: Row, other: Row, window: float) -> tuple[float, ...]:
    """The weighed fields, 18 to 23, as they stand at the later of both times."""
    if not one.weighed_at:
        return other[18:23]
    if not other.weighed_at:
        return one[18:23]
    at = max(one.weighed_at, other.weighed_at)
    mine, yours = faded(at - one.weighed_at, window), faded(at - other.weighed_at, window)
    return (
        one.waits * mine + other.waits * yours,
        one.waited * mine + other.waited * yours,
        one.tokens * mine + other.tokens * yours,
        one.spoken * mine + other.spoken * yours,
        at,
    )


def faded(age: float, window: float) -> float:
    """What is left of a weight of 1 after `age` seconds."""
    return math.exp(-age / window) if age > 0 else 1.0


def key_of(target: Target) -> bytes:
    """Names what is observed: a target that is another endpoint after a reload begins anew, one that stays goes on."""
    what = (
        *(target.id, target.scheme, target.authority, target.path_prefix, target.route, target.region, target.kind),
        *(target.endpoint, target.inference_component, target.target_model),
        *(target.target_variant, target.target_container),
    )
    return blake2b(repr(what).encode(), digest_size=KEY_BYTES).digest()
