"""`kt audit summary`: what happened, day by day."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from extproc.cli.audit_reading import add_filters, add_path, filter_of, reading, trail, warn

if TYPE_CHECKING:
    from extproc.audit.filter import Filter
    from extproc.audit.summary import Day
    from extproc.edge.trail.listing import Listing

_OUTCOMES = ("served", "blocked", "rejected", "failed", "aborted")
_VERDICTS = ("allow", "redact", "block")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `summary` to the sub-commands of `kt audit`."""
    parser = commands.add_parser(
        "summary",
        help="a table of each day",
        description="Count the exchanges of each UTC day: outcomes, verdicts, errors, tokens, bytes, and the total "
        "latency that half of them and 95 of 100 did not exceed (within 1 %%). Only what stands under a seal that "
        "holds is counted; what else was found is told on standard error, and the exit status is then 1.",
    )
    add_path(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    add_filters(parser)
    parser.set_defaults(run=run)


@reading("summary")
def run(arguments: argparse.Namespace) -> int:
    """`kt audit summary`: 0, 1 when something is under no seal that holds, 2 when the trail cannot be read."""
    doubts: list[str] = []
    wanted = filter_of(arguments)
    days = counted(trail(arguments.path, "audit summary", wanted.told()), wanted, doubts)
    if arguments.json:
        print(json.dumps({day: each.document() for day, each in sorted(days.items())}, indent=2))
    else:
        print("\n".join(_table(days)))
    return warn(doubts)


def counted(listing: Listing, wanted: Filter, doubts: list[str]) -> dict[str, Day]:
    """The exchanges that are wanted, by day."""
    from extproc.audit.latest import ends
    from extproc.audit.reader import batches
    from extproc.audit.summary import Day, day_of

    days: dict[str, Day] = {}
    for end, source in ends(listing.sources):
        if wanted.since and end < wanted.since:
            continue
        for batch in batches(source, doubts):
            for line in batch.lines:
                if line.document.get("event") == "exchange" and wanted.wants(line.document):
                    days.setdefault(day_of(line.document), Day()).add(line.document)
    return days


def _table(days: dict[str, Day]) -> list[str]:
    from extproc.audit.columns import table

    titles = [
        "day",
        "exchanges",
        *_OUTCOMES,
        *_VERDICTS,
        "errors",
        "tokens in",
        "out",
        "bytes in",
        "out",
        "p50 ms",
        "p95",
    ]
    rows = [titles]
    for name, day in sorted(days.items()):
        numbers = [
            day.exchanges,
            *(day.outcomes[outcome] for outcome in _OUTCOMES),
            *(day.verdicts[verdict] for verdict in _VERDICTS),
            day.errors.total(),
            day.prompt_tokens,
            day.completion_tokens,
            day.request_bytes,
            day.response_bytes,
        ]
        latencies = [day.latency(0.5), day.latency(0.95)]
        rows.append([name, *map(str, numbers), *("-" if each is None else f"{each:g}" for each in latencies)])
    return table(rows, right=frozenset(range(1, len(titles))))
