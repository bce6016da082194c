"""What scripts/bench --goals says: each goal beside what was measured, then the figures behind them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bars import Panel, drawn
from report import percentile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from goals_lines import Line, Pace
    from machine import Machine
    from report import Figures

# A process of one thread that takes more than this share of a core has no more to give.
FULL = 0.85
# Share of the machine from which on other processes are part of every figure.
BUSY = 0.1
# Neither has threads of weight beside its one.
SINGLE = {"load": "the load generator", "upstream": "the emulator"}
ALONE = "alone"
# Kind of load, or the name its figures are kept under → title.
KINDS = {
    "unary": "Whole answers",
    ALONE: "Whole answers, one connection",
    "continued": "Whole answers, 20 turns of 1 KiB, the last one new",
    "strange": "Whole answers, 20 turns of 1 KiB, all of them new",
    "stream": "Streams, as fast as they come",
    "paced": "Streams at 50 tokens/s, ramps included",
    "open": "Streams to be open",
}


@dataclass
class Measured:
    """Everything: the goals, (variant → kind of load → figures), (variant → pace)."""

    lines: list[Line]
    figures: Mapping[str, Mapping[str, Figures]]
    paces: Mapping[str, Pace]

    @property
    def failed(self) -> int:
        """How many answers were no 200, or never ended."""
        return sum(each.failed for kinds in self.figures.values() for each in kinds.values())

    def of(self, kind: str) -> dict[str, Figures]:
        """Variant → its figures, of those that were loaded so."""
        return {name: kinds[kind] for name, kinds in self.figures.items() if kind in kinds and kinds[kind].seconds}

    @property
    def limits(self) -> list[str]:
        """What limited the figures from outside of what was measured."""
        return [
            f"{title.lower()}, {name}: {what} took {share:.0%} of a core"
            for kind, title in KINDS.items()
            for name, figures in self.of(kind).items()
            for part, what in SINGLE.items()
            if (share := cores(figures, part)) > FULL
        ]


def cores(figures: Figures, part: str) -> float:
    """CPU of a part as a multiple of one core's."""
    return figures.cpu.get(part, 0.0) / figures.seconds / 1_000_000


def as_text(found: Measured, machine: Machine, settings: Mapping[str, Any]) -> str:
    """The goals first, then the figures behind them."""
    lines = [str(machine), ", ".join(f"{value} {key.replace('_', ' ')}" for key, value in settings.items())]
    lines.append("With enterprise.yaml unless said; paced: 50 tokens/s in each stream.")
    if machine.others > BUSY:
        lines.append("Others took so much of the machine that times, rates and even CPU are worse than they would be.")
    lines.append("")
    lines += table(
        [["goal", "at", "measured", "", "how"]]
        + [
            [
                line.name,
                f"{'<=' if line.at_most else '>='} {line.limit:g} {line.unit}",
                f"{shown(line.value)} {line.unit}",
                "met" if line.met else "missed",
                line.detail,
            ]
            for line in found.lines
        ],
        left=(0, 3, 4),
    )
    lines.append(
        f"{sum(line.met for line in found.lines)} of {len(found.lines)} met; answers that failed: {found.failed}"
    )
    for kind, title in KINDS.items():
        rows = {name: behind(figures) for name, figures in found.of(kind).items()}
        if rows:
            lines += ["", *table(grid(title, rows))]
    lines += ["", *table(grid("When their text came, ms", {name: timed(pace) for name, pace in found.paces.items()}))]
    lines += ["", *(f"Limited from outside: {limit}" for limit in found.limits)]
    return "\n".join(lines).rstrip()


def behind(figures: Figures) -> dict[str, float]:
    """One variant under one kind of load: rate, times, CPU for each exchange or token by part, shares of a core."""
    units = figures.tokens or len(figures.whole)
    unit = "token" if figures.tokens else "exchange"
    row = {f"{unit}s/s": units / figures.seconds}
    if not figures.tokens:
        row |= {"p50 ms": percentile(figures.whole, 50), "p99 ms": percentile(figures.whole, 99)}
    # Of what has other parts than ours there is one sum.
    cpu = {"workers": figures.cpu.get("all", 0.0), **figures.cpu}
    for part in ("envoy", "workers", *SINGLE):
        row[f"{part} µs/{unit}"] = cpu.get(part, 0.0) / max(units, 1)
    row |= {f"{part}, cores": cores(figures, part) for part in SINGLE}
    return {**row, "failed": figures.failed}


def timed(pace: Pace) -> dict[str, float]:
    """When the text of one variant came, in ms, and how fast."""
    row: dict[str, float] = {}
    for name, values in (("first event", pace.first_event), ("first text", pace.first_text), ("between", pace.gaps)):
        row |= {f"{name} p50": percentile(values, 50), f"{name} p99": percentile(values, 99)}
    return {**row, "texts/s a stream": pace.rate, "samples": len(pace.gaps)}


def grid(title: str, rows: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Cells of a table, a variant to a row."""
    heads = list(next(iter(rows.values())))
    return [[title, *heads], *([name, *(shown(row[head]) for head in heads)] for name, row in rows.items())]


def table(cells: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> list[str]:
    """Columns as wide as they must be; numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def shown(value: float) -> str:
    """Whole from 100 on, below that with a digit after the point, below 10 with two."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def as_json(found: Measured, machine: Machine, settings: Mapping[str, Any]) -> str:
    """One document with the same."""
    kinds = {kind: {name: behind(figures) for name, figures in found.of(kind).items()} for kind in KINDS}
    document = {
        "settings": settings,
        "machine": vars(machine),
        "goals": [
            {
                "goal": line.name,
                "at": "most" if line.at_most else "least",
                "limit": line.limit,
                "measured": round(line.value, 3),
                "unit": line.unit,
                "met": line.met,
                "detail": line.detail,
            }
            for line in found.lines
        ],
        **kinds,
        "pace": {name: timed(pace) for name, pace in found.paces.items()},
        "limits": found.limits,
        "failed": found.failed,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_svg(found: Measured, machine: Machine) -> str:
    """A panel for each goal: what was measured, and what is aimed at."""
    panels = [
        Panel(
            f"{line.name}, {line.unit}: {'met' if line.met else 'missed'}",
            {"measured": max(line.value, 0.0), f"at {'most' if line.at_most else 'least'}": line.limit},
        )
        for line in found.lines
    ]
    where = f"{machine.cores} cores of {machine.processor}, {machine.began}"
    return drawn(
        panels,
        f"With enterprise.yaml unless said. {where}; others took {machine.others:.0%} of the cores",
        emphasised="measured",
    )
