"""The budget on retries: it bites when they are futile, and only then."""

from extproc.events import AttemptOutcome
from extproc.routing.budget import FREE, HALF_LIFE, RetryBudget
from extproc.testing import make_target

EAST, WEST, THIRD = make_target("east"), make_target("west"), make_target("third")
ALL = (EAST, WEST, THIRD)


def attempts(*told):
    """The attempts of an exchange, as (target, failed) pairs."""
    return [AttemptOutcome(target.id, 503 if failed else 200, retriable=failed) for target, failed in told]


def noted(count, *told, now=0.0):
    """A budget that has seen that exchange so many times at once."""
    budget = RetryBudget()
    for _ in range(count):
        budget.note(attempts(*told), now)
    return budget


def test_a_dead_region_costs_no_budget():
    """Every request is repeated, and every repetition is served: all targets stay planned."""
    assert noted(1000, (EAST, True), (WEST, False)).affordable(ALL, 0.0) == ALL


def test_an_outage_is_not_multiplied():
    """With every target failing, requests are sent to one of them."""
    budget = noted(100, (EAST, True), (WEST, True), (THIRD, True))
    assert len(budget.affordable(ALL, 0.0)) == 1


def test_the_soundest_target_is_what_remains():
    """Where one target still serves some, it is not given up for the first in order, which serves none."""
    budget = noted(100, (EAST, True), (WEST, True))
    for _ in range(30):
        budget.note(attempts((EAST, True), (WEST, False)), 0.0)
    assert budget.affordable((EAST, WEST), 0.0) == (WEST,)


def test_some_futile_retries_are_free():
    """At little traffic a few failures in a row mean nothing."""
    assert noted(int(FREE), (EAST, True), (WEST, True)).affordable((EAST, WEST), 0.0) == (EAST, WEST)


def test_retries_come_back_by_themselves():
    """What was counted fades, so that a region back from the dead is found."""
    budget = noted(100, (EAST, True), (WEST, True))
    assert len(budget.affordable((EAST, WEST), 0.0)) == 1
    assert budget.affordable((EAST, WEST), 4 * HALF_LIFE) == (EAST, WEST)


def test_a_request_that_reached_nobody_is_no_load():
    """The trap answers for a target without a healthy host."""
    trapped = [
        AttemptOutcome("east", 503, retriable=True),
        AttemptOutcome("west", 429, "NoHealthyHost", retriable=True),
    ]
    budget = RetryBudget()
    for _ in range(1000):
        budget.note(trapped, 0.0)
    assert budget.affordable((EAST, WEST), 0.0) == (EAST, WEST)


def test_the_only_target_is_always_planned():
    """There is nothing to cut."""
    assert noted(1000, (EAST, True), (WEST, True)).affordable((EAST,), 0.0) == (EAST,)
