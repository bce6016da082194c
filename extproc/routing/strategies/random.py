"""`random`: any target as often the first as any other, whatever its weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.routing.row import Row
    from extproc.routing.settings import Request
    from extproc.routing.targets import Target

NAME = "random"


def order(targets: Sequence[Target], seen: Mapping[str, Row], request: Request, now: float) -> Sequence[Target]:
    """Shuffled."""
    del seen, now
    left, chance = list(targets), request.chance
    drawn = []
    while left:
        at = chance * len(left)
        index = min(int(at), len(left) - 1)
        # What is behind the point is a random number again.
        chance = at - index
        drawn.append(left.pop(index))
    return drawn
