"""`cost`: the cheapest target for the request first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.routing.row import Row
    from extproc.routing.settings import Request
    from extproc.routing.targets import Target

NAME = "cost"


def order(targets: Sequence[Target], seen: Mapping[str, Row], request: Request, now: float) -> Sequence[Target]:
    """By what prompt and answer would cost; those without a price last."""
    del seen, now

    def price(target: Target) -> float:
        if target.pricing is None:
            return math.inf
        of_prompt, of_answer = target.pricing
        return of_prompt * request.prompt_tokens + of_answer * request.completion_tokens

    return sorted(targets, key=price)
