"""The order in which a request tries its targets, and why: strategy within tiers and groups, the unsound ones last."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from extproc.routing import breaker
from extproc.routing.strategies.table import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.routing.ledger import Observer
    from extproc.routing.row import Row
    from extproc.routing.settings import Request, Routing
    from extproc.routing.targets import Target


class Plan(NamedTuple):
    """Targets, best first; `reasons` says of each that does not stand where it else would, in a word, why."""

    targets: tuple[Target, ...]
    reasons: Mapping[str, str]


def plan(
    stages: Sequence[Sequence[Target]], request: Request, routing: Routing, observer: Observer, now: float
) -> Plan:
    """Order the targets of a request.

    The strategy orders the sound targets of a tier (`priority`), tiers follow each other, then come the fallback
    groups. Open, resting and sleeping targets come behind all of them, the one that is back soonest first: they are
    tried only when nothing else is left, but never given up.

    Args:
        stages: of `candidates`, each target once.
        request: what the strategy may look at.
        routing: the settings.
        observer: what is known of the targets.
        now: Unix seconds.
    """
    strategy = STRATEGIES[routing.strategy]
    ordered: list[Target] = []
    late: list[tuple[float, Target]] = []
    reasons: dict[str, str] = {}
    for stage in stages:
        for tier in _tiers(stage):
            sound: list[Target] = []
            seen: dict[str, Row] = {}
            for target in tier:
                row = observer.of(target.id, now)
                if obstacle := breaker.obstacle(row, routing.breaker, now):
                    reasons[target.id] = obstacle
                    late.append((row.open_until, target))
                else:
                    if row.open_until:
                        reasons[target.id] = breaker.PROBE
                    seen[target.id] = row
                    sound.append(target)
            ordered += strategy(sound, seen, request, now) if len(sound) > 1 else sound
    if late:
        late.sort(key=lambda entry: entry[0])
        ordered += [target for _, target in late]
    return Plan(tuple(ordered), reasons)


def _tiers(targets: Sequence[Target]) -> Sequence[Sequence[Target]]:
    if len(targets) < 2:
        return (targets,)
    priorities = {target.priority for target in targets}
    if len(priorities) == 1:
        return (targets,)
    return [[target for target in targets if target.priority == priority] for priority in sorted(priorities)]
