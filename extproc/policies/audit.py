"""audit-logger: a marker in the chain. It allows everything; the record is written at the edge, from the exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from extproc.policies.base import Rule
from extproc.policies.verdict import ALLOW, Phase, Place, Text, Verdict

KIND = "audit-logger"


class AuditMarker:
    """Reads no text. Its settings are the edge's business (`Runtime.audit`)."""

    kind: ClassVar[str] = KIND
    phases: ClassVar[frozenset[Phase]] = frozenset()

    def judge(self, texts: Sequence[Text]) -> Sequence[Verdict]:
        """ALLOW for each."""
        return [ALLOW] * len(texts)

    def rules(self, place: Place) -> Sequence[Rule]:
        """None."""
        del place
        return ()


def build(settings: Mapping[str, Any]) -> AuditMarker:
    """The marker, whatever its settings."""
    del settings
    return AuditMarker()
