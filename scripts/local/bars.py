"""Bar charts as SVG: a panel for each figure, a bar for each of what is compared, every bar with its value.

Written here because rectangles and words need no plotting library.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMNS = 2
PANEL_WIDTH, NAME_WIDTH, BAR_WIDTH = 480, 120, 260
BAR_HEIGHT, STEP, TITLE_HEIGHT, MARGIN = 16, 22, 34, 20
COLOUR, EMPHASIS = "#9aa5b1", "#1f6feb"


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure of several things: name → value, none of them negative."""

    title: str
    values: Mapping[str, float]


def drawn(panels: Sequence[Panel], caption: str, *, emphasised: str) -> str:
    """A whole SVG document; each panel has a scale of its own, from 0 to its largest value."""
    height = max(TITLE_HEIGHT + STEP * len(panel.values) for panel in panels) + MARGIN
    rows = -(-len(panels) // COLUMNS)
    width, total = PANEL_WIDTH * COLUMNS + MARGIN, height * rows + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" width="{width}" height="{total}">',
        '<g font-family="sans-serif" font-size="12">',
        f"<title>{escape(caption)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for at, panel in enumerate(panels):
        lines += _panel(panel, MARGIN + at % COLUMNS * PANEL_WIDTH, at // COLUMNS * height + MARGIN, emphasised)
    lines.append(f'<text x="{MARGIN}" y="{total - MARGIN // 2}" fill="#57606a">{escape(caption)}</text>')
    return "\n".join([*lines, "</g>", "</svg>", ""])


def _panel(panel: Panel, left: int, top: int, emphasised: str) -> list[str]:
    largest = max(panel.values.values(), default=0.0) or 1.0
    lines = [f'<text x="{left}" y="{top + 16}" font-weight="bold">{escape(panel.title)}</text>']
    for at, (name, value) in enumerate(panel.values.items()):
        y = top + TITLE_HEIGHT + at * STEP
        # Never nothing: a bar too short to see would look like a missing one.
        length = max(round(value / largest * BAR_WIDTH, 1), 1)
        colour = EMPHASIS if name == emphasised else COLOUR
        lines += [
            f'<text x="{left + NAME_WIDTH - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{left + NAME_WIDTH}" y="{y}" width="{length}" height="{BAR_HEIGHT}" fill="{colour}"/>',
            f'<text x="{left + NAME_WIDTH + length + 6}" y="{y + 12}">{_shown(value)}</text>',
        ]
    return lines


def _shown(value: float) -> str:
    """Three or more digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
