"""The sections about routing, compiled: settings, groups by name, and what the data-routing-policy bars."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extproc.config.model.data_policy import DataPolicy as DataPolicySection
from extproc.config.model.data_policy import DataRouting
from extproc.config.model.routing import CircuitBreaker, Fallback
from extproc.config.model.routing import Routing as RoutingSection
from extproc.config.problem import Code, Path, Problem, Severity
from extproc.routing.breaker import Breaker
from extproc.routing.candidates import DATA_ROUTING
from extproc.routing.data_policy import DataPolicy, Demands, barred
from extproc.routing.outcome import TRIGGERS
from extproc.routing.settings import Routing
from extproc.routing.strategies.table import ALIASES
from extproc.routing.targets import HealthCheck

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.config.model.configuration import Configuration
    from extproc.config.model.routing import ModelGroup
    from extproc.config.model.target import Target as TargetSection
    from extproc.routing.targets import Target


@dataclass(frozen=True, slots=True)
class Groups:
    """The model groups: targets by every name, the groups after them, and the names to list."""

    by_model: Mapping[str, tuple[Target, ...]]
    fallbacks: Mapping[str, tuple[tuple[Target, ...], ...]]
    names: tuple[str, ...]


def routing_of(configuration: Configuration) -> Routing:
    """The settings, in the sections' one or other place."""
    providers = configuration.providers
    routing = providers.routing or configuration.provider_routing or RoutingSection()
    fallback = providers.fallback or configuration.provider_fallback or Fallback()
    breaker = providers.circuit_breaker or configuration.circuit_breaker or CircuitBreaker()
    further = fallback.max_fallback_attempts if fallback.enabled else 0
    return Routing(
        strategy=ALIASES.get(routing.strategy, routing.strategy),
        window=routing.window_seconds,
        min_samples=routing.min_sample_count,
        sticky_header=routing.sticky.header.lower() if routing.sticky is not None else "",
        triggers=tuple(dict.fromkeys(TRIGGERS[name] for name in fallback.triggers)),
        attempts=None if further is None else further + 1,
        breaker=Breaker(
            failure_threshold=breaker.failure_threshold,
            cooldown_seconds=float(breaker.recovery_timeout or breaker.cooldown_seconds),
            probes=breaker.half_open_probes,
            enabled=breaker.enabled,
        ),
        tell_barred=(configuration.policy.data_routing_policy or DataRouting()).log_provider_selection,
    )


def groups_of(configuration: Configuration, targets: Sequence[Target]) -> Groups:
    """The model groups, whose references have been checked."""
    sections = configuration.providers.model_groups or configuration.model_groups or []
    by_id = {target.id: target for target in targets}
    by_name = {section.name: section for section in sections}
    by_model: dict[str, tuple[Target, ...]] = {}
    fallbacks: dict[str, tuple[tuple[Target, ...], ...]] = {}
    for section in sections:
        stages, placed = [], set[str]()
        for group in _chain(section, by_name):
            stages.append(tuple(by_id[name] for name in group.targets if name not in placed))
            placed.update(group.targets)
        for name in (section.name, *section.aliases):
            by_model[name] = stages[0]
            fallbacks[name] = tuple(stages[1:])
    return Groups(by_model, fallbacks, tuple(by_name))


def _chain(section: ModelGroup, by_name: Mapping[str, ModelGroup]) -> Sequence[ModelGroup]:
    chain = [section]
    while (following := chain[-1].fallback_group) is not None:
        chain.append(by_name[following])
    return chain


def promised(target: TargetSection) -> DataPolicy:
    """What is promised of a target, in any of the three ways to say it."""
    policy = target.data_policy or DataPolicySection()
    return DataPolicy(
        zero_data_retention=bool(policy.zero_data_retention or target.zdr),
        training_opt_out=bool(policy.training_opt_out or target.data_collection == "deny"),
        retention_days=policy.retention_days,
    )


def health_check_of(target: TargetSection, configuration: Configuration) -> HealthCheck | None:
    """A target's own health check, else that of all targets."""
    check = target.health_check or configuration.providers.health_check
    if check is None:
        return None
    thresholds = check.unhealthy_threshold, check.healthy_threshold
    return HealthCheck(float(check.interval_seconds), float(check.timeout_seconds), *thresholds)


def bar(
    target: Target, section: TargetSection, configuration: Configuration, path: Path, problems: list[Problem]
) -> Target:
    """The target, barred when the data-routing-policy is in the chain and demands more than is promised of it."""
    demanded = configuration.policy.data_routing_policy
    if DATA_ROUTING not in configuration.policies.chain or demanded is None:
        return target
    why = barred(
        promised(section),
        Demands(
            zero_data_retention=demanded.require_zero_data_retention,
            no_training=demanded.require_no_training,
            max_retention_days=demanded.max_retention_days,
        ),
    )
    if why:
        message = f"gets no requests, as {DATA_ROUTING} demands: it {why}"
        problems.append(Problem(Code.BARRED, (*path, "id"), message, "say so in data_policy", Severity.WARNING))
    return replace(target, barred=why)
