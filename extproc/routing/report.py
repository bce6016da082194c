"""What is known of every target, as a JSON document: the page /keeptrusts/providers/metrics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from extproc.routing import breaker
from extproc.routing.outcome import KINDS, SUCCESS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from extproc.routing.row import Row
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
        "state": breaker.RESTING if now < row.rest_until else _state(row, now),
        "obstacle": breaker.obstacle(row, routing.breaker, now) or None,
        "barred": target.barred or None,
        "in_flight": int(row.in_flight),
        "successes": int(row.success),
        "failures": {kind: int(getattr(row, kind)) for kind in KINDS if kind != SUCCESS},
        "consecutive_failures": int(row.streak),
        "first_byte_seconds": None if latency is None else round(latency, 6),
        "tokens_per_second": None if throughput is None else round(throughput, 3),
        "open_until": _time(row.open_until),
        "rest_until": _time(row.rest_until if now < row.rest_until else 0.0),
        "last_success": _time(row.succeeded_at),
        "last_failure": _time(row.failed_at),
    }


def _state(row: Row, now: float) -> str:
    state = breaker.state(row, now)
    return breaker.ASLEEP if row.asleep and state != breaker.CLOSED else state


def _time(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds") if seconds else None
