"""What the configuration says about routing, as the core has it."""

from __future__ import annotations

from extproc.routing.settings import Request, Routing
from extproc.routing.strategies.table import STRATEGIES


def test_defaults_are_the_documented_ones() -> None:
    """File order, every trigger, every target; and a request that says nothing of its client."""
    routing = Routing()
    assert (routing.strategy in STRATEGIES, routing.attempts) == (True, None)
    assert routing.triggers == ("rate_limit", "server_error", "timeout")
    assert (routing.window, routing.min_samples) == (Request().window, Request().min_samples)
    assert Request().affinity == b""
