"""The table of strategies. A new one is one file with `NAME` and `order`, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from extproc.routing.strategies import (
    cost,
    highest_throughput,
    least_in_flight,
    lowest_latency,
    ordered,
    random,
    round_robin,
    sticky,
    weighted,
)

if TYPE_CHECKING:
    from extproc.routing.row import Row
    from extproc.routing.settings import Request
    from extproc.routing.targets import Target

    Strategy = Callable[[Sequence[Target], Mapping[str, Row], Request, float], Sequence[Target]]

STRATEGIES: Mapping[str, Strategy] = {
    module.NAME: module.order
    for module in (
        ordered,
        round_robin,
        weighted,
        random,
        lowest_latency,
        highest_throughput,
        least_in_flight,
        cost,
        sticky,
    )
}
# Other words of the format, and of its neighbours, for the same.
ALIASES: Mapping[str, str] = {
    "priority": ordered.NAME,
    "round-robin": round_robin.NAME,
    "latency": lowest_latency.NAME,
    "throughput": highest_throughput.NAME,
    "least_busy": least_in_flight.NAME,
    "lowest_cost": cost.NAME,
}
# Those that a target's weight means something to.
WEIGHING = frozenset({weighted.NAME, sticky.NAME})
