"""The README's table of containers, out of the rows that tests/gateway/test_containers.py goes through cell by cell."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROWS = Path("tests/tables/containers.json")
README = Path("README.md")
BEGIN, END = "<!-- containers: scripts/render writes this -->\n", "<!-- end of containers -->\n"
COLUMNS = ("unary", "stream", "tools", "usage", "errors")
_ENDPOINTS = {"chat": "chat", "completion": "completions", "embedding": "embeddings"}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a table in Markdown, those of one container together."""
    lines = [
        "| container | `format` | endpoint | " + " | ".join(COLUMNS) + " |",
        "|" + "---|" * (len(COLUMNS) + 3),
    ]
    for row in rows:
        dialect = row["target"].get("format", "openai")
        cells = [row["container"], f"`{dialect}`", _ENDPOINTS[row["provider"]]]
        cells += [row["cells"][name] or "-" for name in COLUMNS]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def written(text: str, rows: list[dict[str, Any]]) -> str:
    """Return a README with the table in its place.

    Raises:
        ValueError: it has no such place.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README} has no place for the table: {BEGIN.strip()} … {END.strip()}")
    return before + begin + table(rows) + end + after


def main() -> int:
    """Write the table into the README, or with --check say whether it stands there; 1 when it does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when the README's table is stale")
    arguments = parser.parse_args()
    text = README.read_text(encoding="utf-8")
    new = written(text, json.loads(ROWS.read_text(encoding="utf-8")))
    if arguments.check and new != text:
        print(f"The table of containers in {README} is stale: run scripts/render", file=sys.stderr)
        return 1
    if not arguments.check:
        README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
