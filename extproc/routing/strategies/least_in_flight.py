"""`least_in_flight`: the target with the fewest exchanges under way first, counted over all workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.routing.row import Row
    from extproc.routing.settings import Request
    from extproc.routing.targets import Target

NAME = "least_in_flight"


def order(targets: Sequence[Target], seen: Mapping[str, Row], request: Request, now: float) -> Sequence[Target]:
    """By exchanges under way, of equals each in turn the first."""
    del now
    first = request.turn % len(targets) if targets else 0
    # Without the turn, all workers would send to the first of several idle targets.
    return sorted((*targets[first:], *targets[:first]), key=lambda target: seen[target.id].in_flight)
