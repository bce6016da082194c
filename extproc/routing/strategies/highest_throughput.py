"""`highest_throughput`: the most tokens a second first, recent answers counting more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.routing.row import Row
    from extproc.routing.settings import Request
    from extproc.routing.targets import Target

NAME = "highest_throughput"


def order(targets: Sequence[Target], seen: Mapping[str, Row], request: Request, now: float) -> Sequence[Target]:
    """By mean tokens a second; one that is not measured (any more) first, for one request at a time."""

    def rank(target: Target) -> tuple[int, float]:
        row = seen[target.id]
        if row.throughput is None:
            return (2, row.in_flight) if row.in_flight else (0, 0.0)
        # One answer is good for one window; what rests on less must be measured again, but not by everybody at once.
        stale = not row.in_flight and row.weight(now, request.window) < request.min_samples / math.e
        return (0, 0.0) if stale else (1, -row.throughput)

    return sorted(targets, key=rank)
