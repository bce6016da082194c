"""What names something else in `providers`, beyond the single faults of refusals.txt: places, order, warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

TARGETS = "  targets:"
REGION = "      aws_region: us-east-1"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            REGION,
            f"{REGION}\n      weight: 3",
            (
                "10:7: warning: providers.targets[0].weight: has no effect: strategy ordered does not weigh targets; "
                "use strategy: weighted [W108]"
            ),
        ),
        (
            TARGETS,
            f"  routing: {{strategy: random, sticky: {{header: x-id}}}}\n{TARGETS}",
            (
                "6:31: warning: providers.routing.sticky: has no effect: strategy random keeps no client at its "
                "target; use strategy: sticky [W108]"
            ),
        ),
        (
            TARGETS,
            f"  routing: {{strategy: cost}}\n{TARGETS}",
            (
                "8:11: warning: providers.targets[0].id: has no pricing, so strategy cost takes it for the most "
                "expensive; add pricing [W108]"
            ),
        ),
    ],
)
def test_what_has_no_effect_is_a_warning(
    base: str, said: Callable[..., list[str]], old: str, new: str, expected: str
) -> None:
    """A setting that the strategy has no use for, and one that it misses, are told; the configuration runs."""
    assert said(base.replace(old, new, 1)) == [expected]


@pytest.mark.parametrize("strategy", ["weighted", "sticky"])
def test_weights_that_count_are_not_warned_of(base: str, said: Callable[..., list[str]], strategy: str) -> None:
    """The strategies that weigh targets say nothing of a weight."""
    weighed = base.replace(REGION, f"{REGION}\n      weight: 3")
    assert said(weighed.replace(TARGETS, f"  routing: {{strategy: {strategy}}}\n{TARGETS}")) == []


@pytest.mark.parametrize(
    ("name", "top", "value"),
    [
        ("routing", "provider_routing", "{strategy: random}"),
        ("fallback", "provider_fallback", "{max_fallback_attempts: 1}"),
        ("circuit_breaker", "circuit_breaker", "{failure_threshold: 2}"),
        ("model_groups", "model_groups", "[{name: one, targets: [llama]}]"),
    ],
)
def test_a_section_stands_in_one_of_its_two_places(
    base: str, said: Callable[..., list[str]], name: str, top: str, value: str
) -> None:
    """Below `providers` or at the top: either is right, both are a contradiction."""
    below = base.replace(TARGETS, f"  {name}: {value}\n{TARGETS}")
    assert said(below) == []
    assert said(f"{base}{top}: {value}\n") == []
    assert said(f"{below}{top}: {value}\n") == [f"17:1: {top}: stands in providers.{name} too; keep one [E013]"]


def test_groups_at_the_top_are_checked_too(base: str, said: Callable[..., list[str]]) -> None:
    """A wrong reference is found wherever the groups stand, and placed there."""
    groups = "model_groups: [{name: one, targets: [lama]}]\n"
    assert said(base + groups) == [
        "16:38: model_groups[0].targets[0]: 'lama' is the id of no target; did you mean llama? [E014]"
    ]


def test_a_longer_circle_is_told_of_each_of_its_groups(base: str, said: Callable[..., list[str]]) -> None:
    """Every group on the circle is named; one that only leads into it is not."""
    groups = (
        "model_groups:\n"
        "  - {name: in, targets: [llama], fallback_group: a}\n"
        "  - {name: a, targets: [llama], fallback_group: b}\n"
        "  - {name: b, targets: [llama], fallback_group: a}\n"
    )
    assert said(base + groups) == [
        "18:49: model_groups[1].fallback_group: the groups fall back in a circle: a → b → a; remove one of them [E013]",
        "19:49: model_groups[2].fallback_group: the groups fall back in a circle: b → a → b; remove one of them [E013]",
    ]
