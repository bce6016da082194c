"""`sticky`: the same client at the same target, while it is there; a lost target moves only its own clients."""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import TYPE_CHECKING

from extproc.routing.strategies import weighted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.routing.row import Row
    from extproc.routing.settings import Request
    from extproc.routing.targets import Target

NAME = "sticky"


def order(targets: Sequence[Target], seen: Mapping[str, Row], request: Request, now: float) -> Sequence[Target]:
    """By rendezvous hashing; a request that says nothing of its client goes to any, by weight."""
    if not request.affinity:
        return weighted.order(targets, seen, request, now)
    return sorted(targets, key=lambda target: _score(request.affinity, target), reverse=True)


def _score(affinity: bytes, target: Target) -> float:
    """Highest of all with a probability in proportion to the weight: -weight / ln(hash), the hash between 0 and 1."""
    digest = blake2b(target.id.encode(), key=affinity, digest_size=8).digest()
    return target.weight / -math.log((int.from_bytes(digest) + 0.5) / 2.0**64)
