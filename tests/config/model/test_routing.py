"""`providers.routing` and its neighbours."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from extproc.config.model.routing import CircuitBreaker, Fallback, ModelGroup, Routing, Sticky
from extproc.routing.breaker import Breaker
from extproc.routing.settings import EVERY_TRIGGER
from extproc.routing.strategies.table import ALIASES, STRATEGIES


def test_defaults_are_the_cores() -> None:
    """What the file does not say is what the core does by itself."""
    breaker = CircuitBreaker()
    assert (breaker.failure_threshold, breaker.cooldown_seconds, breaker.half_open_probes, breaker.enabled) == (
        Breaker().failure_threshold,
        Breaker().cooldown_seconds,
        Breaker().probes,
        Breaker().enabled,
    )
    assert tuple(Fallback().triggers) == EVERY_TRIGGER
    assert Routing().strategy == "ordered"


@pytest.mark.parametrize("strategy", [*STRATEGIES, *ALIASES])
def test_every_strategy_can_be_named(strategy: str) -> None:
    """By its own name and by its aliases."""
    assert Routing.model_validate({"strategy": strategy}).strategy == strategy


@pytest.mark.parametrize(
    ("section", "value"),
    [
        (Routing, {"strategy": "Weighted"}),
        (Routing, {"window_seconds": 0}),
        (Sticky, {"header": "x:y"}),
        (Sticky, {}),
        (Fallback, {"max_fallback_attempts": -1}),
        (CircuitBreaker, {"failure_threshold": 0}),
        (CircuitBreaker, {"half_open_probes": 0}),
        (ModelGroup, {"name": "one", "targets": []}),
        (ModelGroup, {"name": "", "targets": ["a"]}),
    ],
)
def test_what_makes_no_sense_is_refused(section: type, value: dict[str, object]) -> None:
    """Nothing is guessed or rounded."""
    with pytest.raises(ValidationError):
        section.model_validate(value)
