"""`weighted`: as often the first as its weight says; those after it likewise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.routing.row import Row
    from extproc.routing.settings import Request
    from extproc.routing.targets import Target

NAME = "weighted"
# The largest number that is a chance.
_BELOW_ONE = 1.0 - 2.0**-53


def order(targets: Sequence[Target], seen: Mapping[str, Row], request: Request, now: float) -> Sequence[Target]:
    """Drawn without replacement, by weight."""
    del seen, now
    left, chance = list(targets), request.chance
    drawn = []
    while len(left) > 1:
        at = chance * sum(target.weight for target in left)
        index, below = 0, 0.0
        while index < len(left) - 1 and below + left[index].weight <= at:
            below += left[index].weight
            index += 1
        # Where in the span of the drawn one the number fell is a random number again.
        chance = min(max((at - below) / left[index].weight, 0.0), _BELOW_ONE) if left[index].weight else 0.0
        drawn.append(left.pop(index))
    return (*drawn, *left)
