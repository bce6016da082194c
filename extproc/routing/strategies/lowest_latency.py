"""`lowest_latency`: the shortest mean time to the first byte first, recent answers counting more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from extproc.routing.row import Row
    from extproc.routing.settings import Request
    from extproc.routing.targets import Target

NAME = "lowest_latency"


def order(targets: Sequence[Target], seen: Mapping[str, Row], request: Request, now: float) -> Sequence[Target]:
    """By mean time to the first byte; one that is not measured (any more) first, for one request at a time."""
    return measured(targets, seen, request, now, lambda row: row.latency)


def measured(
    targets: Sequence[Target],
    seen: Mapping[str, Row],
    request: Request,
    now: float,
    mean: Callable[[Row], float | None],
) -> Sequence[Target]:
    """By a mean, the lowest first, that is None before anything is measured; such targets and stale ones before all."""

    def rank(target: Target) -> tuple[int, float]:
        row = seen[target.id]
        value = mean(row)
        if value is None:
            return (2, row.in_flight) if row.in_flight else (0, 0.0)
        # One answer is good for one window; what rests on less must be measured again, but not by everybody at once.
        stale = not row.in_flight and row.weight(now, request.window) < request.min_samples / math.e
        return (0, 0.0) if stale else (1, value)

    return sorted(targets, key=rank)
