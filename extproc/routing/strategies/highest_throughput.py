"""`highest_throughput`: the most tokens a second first, recent answers counting more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.routing.strategies import lowest_latency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.routing.row import Row
    from extproc.routing.settings import Request
    from extproc.routing.targets import Target

NAME = "highest_throughput"


def order(targets: Sequence[Target], seen: Mapping[str, Row], request: Request, now: float) -> Sequence[Target]:
    """By mean tokens a second; one that is not measured (any more) first, for one request at a time."""
    return lowest_latency.measured(
        targets, seen, request, now, lambda row: None if row.throughput is None else -row.throughput
    )
