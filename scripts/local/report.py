"""What scripts/bench says: the figures of each variant, and each as a multiple of bare Envoy's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from usage import Usage


@dataclass
class Figures:
    """What one variant did under one kind of load, all turns together."""

    seconds: float = 0.0
    tokens: int = 0
    failed: int = 0
    whole: list[float] = field(default_factory=list)
    first_byte: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)

    def add(self, outcome: Mapping[str, Any], *, tokens: int, spent: Mapping[str, Usage]) -> None:
        """One more turn: what load.py printed, `tokens` in each answer, and what it took: part → CPU and memory."""
        self.seconds += outcome["seconds"]
        self.tokens += tokens * len(outcome["whole"])
        self.failed += sum(outcome["statuses"].values()) - len(outcome["whole"]) + outcome["broken"]
        self.whole += outcome["whole"]
        self.first_byte += outcome["first_byte"]
        for name, taken in spent.items():
            self.cpu[name] = self.cpu.get(name, 0.0) + taken.cpu
            self.memory[name] = max(self.memory.get(name, 0.0), taken.memory)

    def row(self, kind: str) -> dict[str, float]:
        """Name of a figure → value, in the order they are shown."""
        answers = max(len(self.whole), 1)
        memory = {f"{name} MiB": round(value, 1) for name, value in self.memory.items()}
        if kind == "unary":
            return {
                "requests/s": round(len(self.whole) / self.seconds, 1),
                "p50 ms": percentile(self.whole, 50),
                "p99 ms": percentile(self.whole, 99),
                **{f"{name} CPU us/exchange": round(value / answers, 1) for name, value in self.cpu.items()},
                **memory,
                "failed": self.failed,
            }
        return {
            "tokens/s": round(self.tokens / self.seconds, 1),
            "first token p50 ms": percentile(self.first_byte, 50),
            "first token p99 ms": percentile(self.first_byte, 99),
            **{f"{name} CPU us/token": round(value / max(self.tokens, 1), 2) for name, value in self.cpu.items()},
            **memory,
            "failed": self.failed,
        }


def percentile(values: list[float], percent: int) -> float:
    """The smallest value that `percent` of all do not exceed; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)] if ordered else 0.0


def rows(results: Mapping[str, Mapping[str, Figures]], kind: str) -> dict[str, dict[str, float]]:
    """Variant → its figures for one kind of load."""
    return {name: figures[kind].row(kind) for name, figures in results.items()}


def ratio(value: float, base: float) -> float | None:
    """How many times the base; None where bare Envoy has no such thing (it has no workers)."""
    return round(value / base, 2) if base else None


def as_json(results: Mapping[str, Mapping[str, Figures]], settings: Mapping[str, Any]) -> str:
    """One document: settings, then per kind of load and variant the figures and their ratios to the first variant's."""
    document: dict[str, Any] = {"settings": settings}
    for kind in ("unary", "stream"):
        table = rows(results, kind)
        base = next(iter(table.values()))
        document[kind] = {
            name: {**row, "ratio": {key: ratio(value, base[key]) for key, value in row.items() if key != "failed"}}
            for name, row in table.items()
        }
    return json.dumps(document, indent=2)


def as_text(results: Mapping[str, Mapping[str, Figures]], settings: Mapping[str, Any]) -> str:
    """Two tables, a variant to a column, ratios to the first in brackets."""
    lines = [", ".join(f"{value} {key.replace('_', ' ')}" for key, value in settings.items())]
    for kind, title in (("unary", "Whole answers"), ("stream", "Streams")):
        table = rows(results, kind)
        lines += ["", f"{title:28}" + "".join(f"{name:>24}" for name in table)]
        base = next(iter(table.values()))
        for key in base:
            cells = []
            for row in table.values():
                times = ratio(row[key], base[key]) if row is not base and key != "failed" else None
                cells.append(f"{row[key]:>14,}" + (f"{f'({times:g}x)':>10}" if times is not None else " " * 10))
            lines.append(f"{key:28}" + "".join(cells))
    return "\n".join(line.rstrip() for line in lines)
