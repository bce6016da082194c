"""data-routing-policy: a marker in the chain. Which targets it bars is decided once, from the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from extproc.policies.base import Rule
from extproc.policies.verdict import ALLOW, Phase, Place, Text, Verdict
from extproc.routing.candidates import DATA_ROUTING

KIND = DATA_ROUTING


class DataRoutingMarker:
    """Reads no text: it is about where a request goes, whatever it says."""

    kind: ClassVar[str] = KIND
    phases: ClassVar[frozenset[Phase]] = frozenset()

    def judge(self, texts: Sequence[Text]) -> Sequence[Verdict]:
        """ALLOW for each."""
        return [ALLOW] * len(texts)

    def rules(self, place: Place) -> Sequence[Rule]:
        """None."""
        del place
        return ()


def build(settings: Mapping[str, Any]) -> DataRoutingMarker:
    """The marker, whatever its settings."""
    del settings
    return DataRoutingMarker()
