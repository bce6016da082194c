"""What is known of every target, as a JSON document: the page /keeptrusts/providers/metrics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from extproc.routing import breaker
from extproc.routing.outcome import KINDS, SUCCESS
from extproc.routing.row import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from extproc.routing.settings import Routing
    from extproc.routing.targets import Target


def report(targets: Iterable[Target], routing: Routing, seen: Callable[[Target], Row], now: float) -> dict[str, object]:
    """The document; `seen` gives what all workers know of a target, `now` is Unix seconds."""
    return {
        "strategy": routing.strategy,
        "targets": [{"id": target.id, **_described(target, seen(target), routing, now)} for target in targets],
    }


def _described(target: Target, row: Row, routing: Routing, now: float) -> dict[str, object]:
    latency, throughput = row.latency, row.throughput
    return {
        "endpoint": target.endpoint,
        "region": target.region,
        "models": list(target.models),
        "state": _state(row, now),
        "obstacle": breaker.obstacle(row, routing.breaker, now) or None,
        "barred": target.barred or None,
        "in_flight": int(row.in_flight),
        "successes": int(row.success),
        "failures": {kind: int(getattr(row, kind)) for kind in KINDS if kind != SUCCESS},
        "consecutive_failures": int(row.streak),
        "first_byte_seconds": None if latency is None else round(latency, 6),
        "tokens_per_second": None if throughput is None else round(throughput, 3),
        "open_until": _time(row.open_until),
        "rest_until": _time(row.open_until if row.cause == breaker.RESTRAINED and now < row.open_until else 0.0),
        "last_success": _time(row.succeeded_at),
        "last_failure": _time(row.failed_at),
        # All of it as it is kept, for `kt explain --admin`.
        "row": {name: value for name, value in row._asdict().items() if value},
    }


def rows(document: Mapping[str, Any]) -> dict[str, Row]:
    """What a report says of each target, by its id.

    Raises:
        KeyError, TypeError, ValueError: it is no report of this version.
    """
    return {
        str(target["id"]): Row(**{str(name): float(value) for name, value in target["row"].items()})
        for target in document["targets"]
    }


def _state(row: Row, now: float) -> str:
    """The breaker's, or what keeps it open; a component stays asleep until it has answered."""
    found = breaker.state(row, now)
    if found != breaker.CLOSED and row.cause == breaker.SLEEPING:
        return breaker.ASLEEP
    return breaker.RESTING if found == breaker.OPEN and row.cause == breaker.RESTRAINED else found


def _time(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds") if seconds else None
