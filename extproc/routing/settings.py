"""What the configuration says about routing, and what a strategy knows of the request that it orders targets for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from extproc.routing.breaker import Breaker

EVERY_TRIGGER = ("rate_limit", "server_error", "timeout")


@dataclass(frozen=True, slots=True)
class Routing:
    """How targets are ordered, and how far a request goes down the order.

    `window` is the time in which observations lose weight to 1/e (seconds), `min_samples` how many answers a mean must
    rest on. `sticky_header` names the header that keeps a client at its target, "" for the request's `user`.
    `triggers` are the failures that let a request go on to the next target, `attempts` the most targets of one plan
    (None: all). `tell_barred`: whether records name the targets that the data-routing-policy bars.
    """

    strategy: str = "ordered"
    window: float = 60.0
    min_samples: int = 1
    sticky_header: str = ""
    triggers: tuple[str, ...] = EVERY_TRIGGER
    attempts: int | None = None
    breaker: Breaker = field(default_factory=Breaker)
    tell_barred: bool = True


class Request(NamedTuple):
    """What strategies may look at.

    `turn` counts the requests of the group, `chance` is a random number from 0 to below 1, `affinity` the digest of
    what keeps a client at its target (b"" for nothing), the tokens are estimates, `window` and `min_samples` as in
    Routing.
    """

    turn: int = 0
    chance: float = 0.0
    affinity: bytes = b""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    window: float = 60.0
    min_samples: int = 1
