"""Kinds that are switched on by standing in the chain and judge no text there: what they do, others do.

audit-logger: the record is written at the edge, from the exchange (`Runtime.audit`). data-routing-policy: which targets
it bars is decided once, from the configuration (`Target.barred`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from extproc.policies.base import Rule
from extproc.policies.verdict import ALLOW, Phase, Place, Text, Verdict
from extproc.routing.candidates import DATA_ROUTING

KINDS = ("audit-logger", DATA_ROUTING)


@dataclass(frozen=True, slots=True)
class Marker:
    """Reads no text, and allows everything."""

    kind: str
    phases: ClassVar[frozenset[Phase]] = frozenset()

    def judge(self, texts: Sequence[Text]) -> Sequence[Verdict]:
        """ALLOW for each."""
        return [ALLOW] * len(texts)

    def rules(self, place: Place) -> Sequence[Rule]:
        """None."""
        del place
        return ()


def build(kind: str) -> Callable[[Mapping[str, Any]], Marker]:
    """Makes the marker of that kind, whatever its settings."""
    return lambda _: Marker(kind)
