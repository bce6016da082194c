"""The name of an order of targets, for an Envoy that cannot be told an order by itself.

Before 1.40 Envoy tries the hosts of one cluster by their fixed priorities, so the rendered document has a cluster for
every order that a worker may ask for (extproc/render/priorities.py), and the worker names one. Of n targets there are
n! orders and more; so only the first target is free, which is what strategies and sessions decide: those after it keep
the file's order. That makes n * 2^(n-1) clusters for a group: 4 for two targets, 12 for three.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extproc.routing.targets import Target

# Where the worker names it. attempt.lua removes it, as all that was not signed.
HEADER = "x-kt-order"


def name(order: Sequence[Target], listed: Sequence[Target]) -> str:
    """The name of the order nearest to `order` that has one; `listed` are all targets, in file order."""
    first = order[0]
    if len(order) == 1:
        return first.id
    planned = {target.id for target in order}
    return ",".join([first.id, *(each.id for each in listed if each.id in planned and each.id != first.id)])


def orders(group: Sequence[Target]) -> Iterator[tuple[Target, ...]]:
    """Every order of some or all targets of a failover group that has a name of its own; `group` is in file order."""
    for size in range(1, len(group) + 1):
        for chosen in combinations(group, size):
            for first in chosen:
                yield first, *(each for each in chosen if each is not first)
