"""What names something else in `providers`: targets of groups, fallback groups; and settings without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from extproc.config.problem import Code, Path, Problem, Severity, did_you_mean
from extproc.routing.strategies import cost, sticky
from extproc.routing.strategies.table import ALIASES, STRATEGIES, WEIGHING

# The sections' two places: below `providers`, and at the top.
PLACES = {
    "routing": "provider_routing",
    "fallback": "provider_fallback",
    "circuit_breaker": "circuit_breaker",
    "model_groups": "model_groups",
}


def check(root: dict[str, Any]) -> Iterator[Problem]:
    """Every problem of routing that the model cannot see."""
    providers = root.get("providers")
    providers = providers if isinstance(providers, dict) else {}
    for name, top in PLACES.items():
        if name in providers and top in root:
            yield Problem(Code.CONFLICT, (top,), f"stands in providers.{name} too", "keep one", at_key=True)
    path, breaker = _section(root, providers, "circuit_breaker")
    names = ("cooldown_seconds", "recovery_timeout")
    if isinstance(breaker, dict) and all(name in breaker for name in names):
        message = "is another name of cooldown_seconds, which is given too"
        yield Problem(Code.CONFLICT, (*path, names[1]), message, "keep one", at_key=True)
    targets = [target for target in _list(providers.get("targets")) if isinstance(target, dict)]
    yield from _groups(*_section(root, providers, "model_groups"), [target.get("id") for target in targets])
    path, routing = _section(root, providers, "routing")
    yield from _strategy(path, routing if isinstance(routing, dict) else {}, targets)
    for index, target in enumerate(targets):
        yield from _promises(("providers", "targets", index), target)


def _section(root: dict[str, Any], providers: dict[str, Any], name: str) -> tuple[Path, Any]:
    if name in providers:
        return ("providers", name), providers[name]
    return (PLACES[name],), root.get(PLACES[name])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _groups(path: Path, value: Any, ids: list[Any]) -> Iterator[Problem]:
    groups = {index: group for index, group in enumerate(_list(value)) if isinstance(group, dict)}
    known = [name for name in ids if isinstance(name, str)]
    names = {group["name"]: index for index, group in groups.items() if isinstance(group.get("name"), str)}
    first: dict[str, int] = {}
    for index, group in groups.items():
        for place, name in _names(group):
            if first.setdefault(name, index) != index or (place[0] == "aliases" and name == group.get("name")):
                message = f"{name[:128]!r} is already a name of {path[-1]}[{first[name]}]"
                yield Problem(Code.DUPLICATE, (*path, index, *place), message, "names are unique")
        seen: set[str] = set()
        for at, target in enumerate(_list(group.get("targets"))):
            if isinstance(target, str) and target not in known:
                message = f"{target[:128]!r} is the id of no target"
                yield Problem(Code.REFERENCE, (*path, index, "targets", at), message, did_you_mean(target, known))
            elif target in seen:
                message = f"{target[:128]!r} stands in this group already"
                yield Problem(Code.DUPLICATE, (*path, index, "targets", at), message, "remove one")
            elif isinstance(target, str):
                seen.add(target)
        following = group.get("fallback_group")
        if isinstance(following, str) and following not in names:
            message = f"{following[:128]!r} is the name of no group"
            yield Problem(Code.REFERENCE, (*path, index, "fallback_group"), message, did_you_mean(following, names))
        elif isinstance(following, str) and (circle := _circle(index, groups, names)):
            message = f"the groups fall back in a circle: {' → '.join(circle)}"
            yield Problem(Code.CONFLICT, (*path, index, "fallback_group"), message, "remove one of them")


def _names(group: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    if isinstance(group.get("name"), str):
        yield ("name",), group["name"]
    for at, alias in enumerate(_list(group.get("aliases"))):
        if isinstance(alias, str):
            yield ("aliases", at), alias


def _circle(start: int, groups: Mapping[int, dict[str, Any]], names: Mapping[str, int]) -> list[str]:
    """The names on the way from a group back to itself; none when the way ends elsewhere."""
    way, at = [str(groups[start].get("name"))], start
    for _ in groups:
        following = groups[at].get("fallback_group")
        if not isinstance(following, str) or following not in names:
            return []
        at = names[following]
        way.append(following)
        if at == start:
            return way
    return []


def _strategy(path: Path, routing: dict[str, Any], targets: list[dict[str, Any]]) -> Iterator[Problem]:
    """Settings that the strategy has no use for, and what it misses."""
    said = routing.get("strategy", "ordered")
    strategy = ALIASES.get(said, said) if isinstance(said, str) else ""
    if strategy not in STRATEGIES:
        return  # which the model says
    if "sticky" in routing and strategy != sticky.NAME:
        yield _idle((*path, "sticky"), f"strategy {said} keeps no client at its target", "use strategy: sticky")
    for index, target in enumerate(targets):
        here: Path = ("providers", "targets", index)
        if "weight" in target and strategy not in WEIGHING:
            yield _idle((*here, "weight"), f"strategy {said} does not weigh targets", "use strategy: weighted")
        if "pricing" not in target and strategy == cost.NAME:
            message = "has no pricing, so strategy cost takes it for the most expensive"
            yield Problem(Code.IDLE, (*here, "id"), message, "add pricing", Severity.WARNING)


def _idle(path: Path, message: str, advice: str) -> Problem:
    return Problem(Code.IDLE, path, f"has no effect: {message}", advice, Severity.WARNING, at_key=True)


def _promises(path: Path, target: dict[str, Any]) -> Iterator[Problem]:
    """Promises about data that contradict each other."""
    policy = target.get("data_policy")
    policy = policy if isinstance(policy, dict) else {}
    kept = policy.get("zero_data_retention")
    if isinstance(kept, bool) and isinstance(target.get("zdr"), bool) and kept != target["zdr"]:
        message = "differs from data_policy.zero_data_retention, which is the same"
        yield Problem(Code.CONFLICT, (*path, "zdr"), message, "keep one", at_key=True)
    days = policy.get("retention_days")
    if (kept is True or target.get("zdr") is True) and isinstance(days, int) and days > 0:
        message = "contradicts zero data retention"
        yield Problem(Code.CONFLICT, (*path, "data_policy", "retention_days"), message, "remove one of them")
    if target.get("data_collection") == "allow" and policy.get("training_opt_out") is True:
        message = "contradicts data_policy.training_opt_out"
        yield Problem(Code.CONFLICT, (*path, "data_collection"), message, "remove one of them", at_key=True)
