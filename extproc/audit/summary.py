"""What a trail holds, day by day (UTC)."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Latencies are counted in classes that are this much wider each than the one before: quantiles are right within 1 %.
_WIDTH = math.log(1.02)


@dataclass(slots=True)
class Day:
    """The exchanges that began on one day. Tokens are counted, bytes are of bodies as clients sent and got them."""

    exchanges: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    _latencies: Counter[int] = field(default_factory=Counter)

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one exchange."""
        self.exchanges += 1
        self.outcomes[str(record.get("outcome"))] += 1
        self.verdicts[str(record.get("verdict"))] += 1
        error = record.get("error")
        if isinstance(error, dict):
            self.errors[str(error.get("code") or error.get("type"))] += 1
        usage = record.get("usage")
        if isinstance(usage, dict):
            self.prompt_tokens += _whole(usage.get("prompt_tokens"))
            self.completion_tokens += _whole(usage.get("completion_tokens"))
        self.request_bytes += _whole(record.get("request_bytes"))
        self.response_bytes += _whole(record.get("response_bytes"))
        latencies = record.get("latency_ms")
        total = latencies.get("total") if isinstance(latencies, dict) else None
        if isinstance(total, int | float) and total >= 0:
            self._latencies[round(math.log(max(total, 0.001)) / _WIDTH)] += 1

    def latency(self, quantile: float) -> float | None:
        """The total latency, ms, that this part of the exchanges (0 to 1) did not exceed; None without any."""
        wanted, counted = math.ceil(quantile * self._latencies.total()), 0
        for step, count in sorted(self._latencies.items()):
            counted += count
            if counted >= wanted:
                return float(f"{math.exp(step * _WIDTH):.3g}")
        return None

    def document(self) -> dict[str, object]:
        """The day as JSON."""
        return {
            "exchanges": self.exchanges,
            "outcomes": dict(sorted(self.outcomes.items())),
            "verdicts": dict(sorted(self.verdicts.items())),
            "errors": dict(sorted(self.errors.items())),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "request_bytes": self.request_bytes,
            "response_bytes": self.response_bytes,
            "latency_ms": {"p50": self.latency(0.5), "p95": self.latency(0.95)},
        }


def day_of(record: Mapping[str, Any]) -> str:
    """The UTC day on which it began, YYYY-MM-DD."""
    return str(record.get("time"))[:10]


def _whole(value: object) -> int:
    return value if type(value) is int else 0
