"""`round_robin`: each target in turn is the first, the others follow in the file's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.routing.row import Row
    from extproc.routing.settings import Request
    from extproc.routing.targets import Target

NAME = "round_robin"


def order(targets: Sequence[Target], seen: Mapping[str, Row], request: Request, now: float) -> Sequence[Target]:
    """Rotated by the request's turn."""
    del seen, now
    first = request.turn % len(targets) if targets else 0
    return (*targets[first:], *targets[:first])
