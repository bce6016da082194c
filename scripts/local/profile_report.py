"""What scripts/bench --profile says: µs of a worker's CPU for one exchange and one token, room by room."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rooms import ROOMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampling import Sampled

UNITS = {"unary": "exchange", "stream": "token"}
# Worker CPU in µs that is aimed at: (variant, kind of load) → at most.
GOALS = {("no policies", "unary"): 150, ("enterprise.yaml", "unary"): 350, ("enterprise.yaml", "stream"): 25}


def as_json(profiles: Mapping[tuple[str, str], Sampled], settings: Mapping[str, Any]) -> str:
    """One document: settings, then per kind of load and variant the rooms' µs, their sum and the goal."""
    document: dict[str, Any] = {"settings": settings}
    for (name, kind), found in profiles.items():
        parts = {where: round(found.each(where), 2) for where in ROOMS}
        facts = {
            "sum": round(sum(map(found.each, ROOMS)), 1),
            "goal": GOALS.get((name, kind)),
            "samples": found.samples,
        }
        document.setdefault(kind, {})[name] = {"us": parts, **facts}
    return json.dumps(document, indent=2)


def as_text(profiles: Mapping[tuple[str, str], Sampled], settings: Mapping[str, Any], functions: int = 0) -> str:
    """A Markdown table, so that it can be shown as it is: a room to a row, a variant and kind of load to a column.

    Then the costliest `functions` of each.
    """
    lines = [", ".join(f"{value} {key.replace('_', ' ')}" for key, value in settings.items()), ""]
    heads = [f"{name}, µs/{UNITS[kind]}" for name, kind in profiles]
    lines += [row("", heads), row("---", ["---:"] * len(heads))]
    lines += [row(where, [f"{found.each(where):.1f}" for found in profiles.values()]) for where in ROOMS]
    lines.append(row("**sum**", [f"**{sum(map(found.each, ROOMS)):.0f}**" for found in profiles.values()]))
    lines.append(row("goal", [f"<= {GOALS[key]}" if key in GOALS else "-" for key in profiles]))
    lines.append(row("samples", [f"{found.samples:,}" for found in profiles.values()]))
    for head, found in zip(heads, profiles.values(), strict=True):
        shown = found.functions(functions)
        lines += ["", head] if shown else []
        lines += [f"{time:10.2f}  {place.function}, {place.room}" for place, time in shown]
    return "\n".join(lines)


def row(first: str, cells: list[str]) -> str:
    """One row of the table."""
    return f"| {' | '.join([first, *cells])} |"
