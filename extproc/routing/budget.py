"""A budget on retries: where attempts after the first fail too, fewer are planned, so that an outage is not multiplied.

Failover costs nothing while some target is sound. When all of a model's fail, it multiplies their load by their number
just when they can bear it least. So what counts is not how many attempts are repeated (one dead region makes that all
of them), but how many of the repeated ones were futile. Envoy's own retry_budget counts the former, and charges it to
the first attempt's cluster (measured).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.routing.outcome import NO_HEALTHY_HOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.events import AttemptOutcome
    from extproc.routing.targets import Target

# Seconds in which what was counted loses half of its weight.
HALF_LIFE = 10.0
# Futile retries that a worker may make: a share of the exchanges, and some that are free.
SHARE = 0.2
FREE = 10.0


@dataclass(slots=True)
class _Tally:
    """What a target brought lately. Weights, not counts: older ones fade."""

    at: float
    asked_first: float = 0.0
    served: float = 0.0
    failed: float = 0.0
    futile: float = 0.0

    def fade(self, now: float) -> None:
        weight = 0.5 ** (max(0.0, now - self.at) / HALF_LIFE)
        self.at = now
        self.asked_first *= weight
        self.served *= weight
        self.failed *= weight
        self.futile *= weight

    @property
    def soundness(self) -> float:
        """The share of attempts that were served; a half when nothing is known."""
        return (self.served + 1) / (self.served + self.failed + 2)


class RetryBudget:
    """One worker's. Times in Unix seconds; of a clock that goes backwards, nothing fades."""

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}

    def note(self, attempts: Sequence[AttemptOutcome], now: float) -> None:
        """Count the attempts of one exchange, in the order in which they were made."""
        for number, attempt in enumerate(attempts):
            tally = self._tally(attempt.target, now)
            tally.asked_first += number == 0
            tally.served += not attempt.retriable
            tally.failed += attempt.retriable
            # Nobody upstream has seen a request that found no healthy host.
            tally.futile += attempt.retriable and number > 0 and attempt.error_type != NO_HEALTHY_HOST

    def affordable(self, targets: tuple[Target, ...], now: float) -> tuple[Target, ...]:
        """The targets that a request may be planned for: all of them, or with the budget spent, the soundest alone."""
        if len(targets) < 2:
            return targets
        tallies = [self._tally(target.id, now) for target in targets]
        spent, exchanges = sum([t.futile for t in tallies]), sum([t.asked_first for t in tallies])
        if spent <= SHARE * exchanges + FREE:
            return targets
        soundest = max(range(len(targets)), key=lambda at: tallies[at].soundness)
        return (targets[soundest],)

    def _tally(self, target: str, now: float) -> _Tally:
        tally = self._tallies.get(target)
        if tally is None:
            tally = self._tallies[target] = _Tally(now)
        tally.fade(now)
        return tally
