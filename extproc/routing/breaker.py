"""The circuit breaker of a target: functions over rows, no state of its own.

    CLOSED ── so many failures one after the other ──► OPEN ── its cooldown ──► HALF_OPEN ── probes succeed ──► CLOSED
                                                        ▲                          │
                                                        └──────── a failure ───────┘

An open target is the last choice, never none. Half-open, it takes so many requests at a time as it has probes left.
A throttled target is open for the time that it asks for. One without a running copy (scaled to zero) is so for a short
time, as only requests wake it: one request goes there now and then, while the others are served elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from extproc.routing.outcome import FAILURES, NO_CAPACITY, SUCCESS, THROTTLED
from extproc.routing.row import Row

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
# What open is called by its other causes.
RESTING, ASLEEP = "resting", "asleep"
# Row.cause: failures one after the other, no running copy, a throttle.
FAILING, SLEEPING, RESTRAINED = 0.0, 1.0, 2.0
_OPEN = {FAILING: OPEN, SLEEPING: ASLEEP, RESTRAINED: RESTING}
# Why a half-open target stands where it would if it were closed.
PROBE = "probe"

# Between two requests that wake a component: SageMaker's alarm for it counts by the minute.
WAKE_SECONDS = 10.0
# For a throttled target that does not say how long, and at the most.
REST_SECONDS, LONGEST_REST_SECONDS = 2.0, 60.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """Opens after `failure_threshold` failures, for `cooldown_seconds`; closes after `probes` successes.

    With `enabled` False no target is ever the last choice for what became of earlier requests.
    """

    failure_threshold: int = 5
    cooldown_seconds: float = 30.0
    probes: int = 1
    enabled: bool = True


def state(row: Row, now: float) -> str:
    """CLOSED, OPEN or HALF_OPEN."""
    if not row.open_until:
        return CLOSED
    return OPEN if now < row.open_until else HALF_OPEN


def obstacle(row: Row, breaker: Breaker, now: float) -> str:
    """Why a target is to be the last choice now: OPEN, ASLEEP, RESTING, HALF_OPEN (probes are under way); else ""."""
    if not row.open_until or not breaker.enabled:
        return ""
    if now < row.open_until:
        return _OPEN.get(row.cause, OPEN)
    return "" if row.probing < probes_of(row, breaker) - row.wins else HALF_OPEN


def probes_of(row: Row, breaker: Breaker) -> int:
    """How many successes close it, and how many requests at a time may bring them."""
    return breaker.probes if row.cause == FAILING else 1


def after(own: Row, seen: Row, kind: str, breaker: Breaker, now: float, *, retry_after: float = 0.0) -> Row:
    """A worker's own row after an attempt.

    Args:
        own: its row so far.
        seen: all workers' rows combined, its own among them.
        kind: of `outcome.KINDS`.
        breaker: the settings.
        now: Unix seconds.
        retry_after: seconds that a throttled target asked to be left alone, 0 if it did not say.
    """
    if kind == SUCCESS:
        return _well(own, seen, breaker, now)
    counted = own._replace(**{kind: getattr(own, kind) + 1.0})
    if kind == THROTTLED:
        rest = min(retry_after, LONGEST_REST_SECONDS) if retry_after > 0 else REST_SECONDS
        return _opened(counted, seen, now + rest, RESTRAINED, now)
    if kind == NO_CAPACITY:
        return _opened(counted, seen, now + WAKE_SECONDS, SLEEPING, now)
    return _failed(counted, seen, breaker, now) if kind in FAILURES else counted


def _opened(own: Row, seen: Row, until: float, cause: float, now: float) -> Row:
    """Opened until then, unless it is for longer already."""
    if seen.open_until >= until:
        return own
    return own._replace(failed_at=now, changed_at=_next(seen, now), open_until=until, cause=cause, wins=0.0)


def _failed(own: Row, seen: Row, breaker: Breaker, now: float) -> Row:
    since = seen.succeeded_at
    mine = own.streak + 1.0 if own.succeeded_at == since else 1.0
    others = seen.streak - (own.streak if own.succeeded_at == since else 0.0)
    failed = own._replace(failed_at=now, streak=mine, succeeded_at=since)
    tried = seen.open_until and seen.cause == FAILING
    if not breaker.enabled or (tried and now < seen.open_until):
        # A request that had nowhere else to go, or that was under way when it opened.
        return failed
    if tried or mine + others >= breaker.failure_threshold:
        return _opened(failed, seen, now + breaker.cooldown_seconds, FAILING, now)
    return failed


def _well(own: Row, seen: Row, breaker: Breaker, now: float) -> Row:
    well = own._replace(success=own.success + 1.0, streak=0.0, succeeded_at=max(now, seen.succeeded_at))
    # One that came through a throttle does not end the rest of a target that asked for it.
    if not seen.open_until or (seen.cause == RESTRAINED and now < seen.open_until):
        return well
    register = seen[14:17]
    mine = own.wins if own[14:17] == register else 0.0
    # An answer is an answer: that of an open target that was tried for want of others counts, too.
    if seen.wins + 1.0 >= probes_of(seen, breaker):
        return well._replace(changed_at=_next(seen, now), open_until=0.0, cause=FAILING, wins=0.0)
    return well._replace(changed_at=register[0], open_until=register[1], cause=register[2], wins=mine + 1.0)


def _next(seen: Row, now: float) -> float:
    """The moment of a change: later than that of the change before it, whatever the clock says."""
    return max(now, math.nextafter(seen.changed_at, math.inf))
