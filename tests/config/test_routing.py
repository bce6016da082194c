"""The sections about routing, compiled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

import pytest

from extproc.config.compile import compile_runtime
from extproc.config.problem import Problem
from extproc.config.runtime import Runtime
from extproc.config.validate import validate
from extproc.routing.breaker import Breaker
from extproc.routing.settings import Routing
from extproc.routing.targets import HealthCheck

HEAD = "pack: {name: t, version: 1.0.0, enabled: true}\n"
CHAIN = "policies: {chain: [data-routing-policy]}\npolicy: {data-routing-policy: {DEMANDS}}\n"


def compiled(
    sections: str = "", targets: Mapping[str, str] | None = None, policies: str = "policies: {chain: []}\n"
) -> tuple[Runtime, tuple[Problem, ...]]:
    """The runtime of targets by id, each with its further fields, and warnings."""
    lines = "".join(
        f'    - {{id: {name}, provider: "sagemaker:chat:big", aws_region: us-east-1{fields}}}\n'
        for name, fields in (targets or {"a": "", "b": "", "c": ""}).items()
    )
    text = f"{HEAD}providers:\n{sections}  targets:\n{lines}{policies}"
    configuration, _, problems = validate(text.encode())
    assert configuration is not None, problems
    return compile_runtime(
        configuration,
        environ={},
        profile_region=lambda _: None,
        base_dir=PurePath("/etc/kt"),
        config_hash="00",
        created=0,
        fail_open=False,
    )


@pytest.mark.parametrize(
    ("sections", "routing"),
    [
        ("", Routing()),
        ("  routing: {strategy: round-robin}\n", Routing(strategy="round_robin")),
        ("  routing: {strategy: latency, window_seconds: 5}\n", Routing(strategy="lowest_latency", window=5.0)),
        ("  routing: {min_sample_count: 3}\n", Routing(min_samples=3)),
        (
            "  routing: {strategy: sticky, sticky: {header: X-Id}}\n",
            Routing(strategy="sticky", sticky_header="x-id"),
        ),
        ("  fallback: {max_fallback_attempts: 2}\n", Routing(attempts=3)),
        ("  fallback: {enabled: false, max_fallback_attempts: 2}\n", Routing(attempts=1)),
        (
            "  fallback: {triggers: [service_unavailable, 5xx, rate_limit_exceeded]}\n",
            Routing(triggers=("server_error", "rate_limit")),
        ),
        (
            "  circuit_breaker: {failure_threshold: 2, recovery_timeout: 7, half_open_probes: 3}\n",
            Routing(breaker=Breaker(failure_threshold=2, cooldown_seconds=7.0, probes=3)),
        ),
        ("  circuit_breaker: {enabled: false}\n", Routing(breaker=Breaker(enabled=False))),
    ],
)
def test_settings(sections: str, routing: Routing) -> None:
    """Each field, other words for the same included, and the defaults."""
    assert compiled(sections)[0].routing == routing


def test_groups_follow_each_other_with_each_target_once() -> None:
    """By name and by alias; a target of two groups is tried in the first one."""
    sections = (
        "  model_groups:\n"
        "    - {name: first, targets: [b, a], aliases: [best], fallback_group: second}\n"
        "    - {name: second, targets: [a, c], fallback_group: third}\n"
        "    - {name: third, targets: [b]}\n"
    )
    runtime, warnings = compiled(sections)
    for name in ("first", "best"):
        stages = [[target.id for target in stage] for stage in runtime.stages(name)]
        assert stages == [["b", "a"], ["c"], []]
    assert (runtime.groups, warnings) == (("first", "second", "third"), ())
    assert [target.id for stage in runtime.stages("c") for target in stage] == ["c"]
    assert runtime.stages("unknown") == ((),)
    together = [[target.id for target in group] for group in runtime.together]
    assert together == [["a", "b", "c"], ["a", "b", "c"], ["a", "b", "c"], ["b"]]


def test_a_group_goes_before_a_model_of_its_name() -> None:
    """So a model that clients use already gets a fallback, and they need not change."""
    runtime, _ = compiled("  model_groups: [{name: big, targets: [a]}]\n")
    assert [target.id for target in runtime.by_model["big"]] == ["a"]


def test_a_targets_own_settings() -> None:
    """Weight, priority and pricing reach the target."""
    fields = ", weight: 3, priority: 2, pricing: {input: 0.5, output: 1.5}"
    [target] = compiled("  routing: {strategy: weighted}\n", {"a": fields})[0].targets
    assert (target.weight, target.priority, target.pricing) == (3.0, 2, (0.5, 1.5))


@pytest.mark.parametrize(
    ("fields", "demands", "barred"),
    [
        ("", "require_zero_data_retention: true", True),
        (", zdr: true", "require_zero_data_retention: true", False),
        (", data_policy: {zero_data_retention: true}", "require_zero_data_retention: true", False),
        (", data_collection: deny", "require_no_training: true", False),
        (", data_collection: allow", "require_no_training: true", True),
        (", data_policy: {retention_days: 30}", "max_retention_days: 30", False),
        ("", "log_provider_selection: false", False),
    ],
)
def test_data_policies(fields: str, demands: str, barred: bool) -> None:
    """In any of the ways to say it; a target that is barred is warned of, where it stands."""
    runtime, warnings = compiled("", {"a": fields}, CHAIN.replace("DEMANDS", demands))
    assert bool(runtime.targets[0].barred) is barred
    assert [warning.code.value for warning in warnings] == ["W109"] * barred
    assert runtime.by_model["a"] == runtime.targets


def test_a_policy_that_is_not_in_the_chain_bars_nothing() -> None:
    """As with every other kind: settings alone do not run."""
    policies = "policies: {chain: []}\npolicy: {data-routing-policy: {require_zero_data_retention: true}}\n"
    assert compiled("", {"a": ""}, policies)[0].targets[0].barred == ""


def test_a_health_check_of_ones_own_goes_before_that_of_all() -> None:
    """Fields that it does not name have their defaults, not those of the other."""
    everybody = "  health_check: {interval_seconds: 5, healthy_threshold: 3}\n"
    targets = compiled(everybody, {"a": ", health_check: {timeout_seconds: 1}", "b": ""})[0].targets
    assert [target.health_check for target in targets] == [
        HealthCheck(timeout=1.0),
        HealthCheck(interval=5.0, healthy_threshold=3),
    ]
    assert all(target.health_check is None for target in compiled("")[0].targets)
