"""`kt audit export`: the records of a trail as JSON lines or CSV."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, TextIO

from extproc.cli.audit_reading import add_filters, add_path, filter_of, reading, trail, warn

if TYPE_CHECKING:
    from extproc.audit.filter import Filter
    from extproc.edge.trail.listing import Listing


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `export` to the sub-commands of `kt audit`."""
    parser = commands.add_parser(
        "export",
        help="write the records as JSON lines or CSV",
        description="Write the records of all writers in order of time. Only what stands under a seal that holds is "
        "written; what else was found is told on standard error, and the exit status is then 1. There is no Parquet: "
        "it would need a library that the gateway does not have.",
    )
    add_path(parser)
    parser.add_argument(
        "--format",
        choices=("jsonl", "csv"),
        default="jsonl",
        help="jsonl: the lines as they stand on the trail (default); csv: RFC 4180, one row for each, no formulas",
    )
    parser.add_argument("--output", default="-", metavar="FILE", help="- for standard output (default)")
    add_filters(parser)
    parser.set_defaults(run=run)


@reading("export")
def run(arguments: argparse.Namespace) -> int:
    """`kt audit export`: 0, 1 when something is under no seal that holds, 2 when the trail cannot be read."""
    doubts: list[str] = []
    wanted = filter_of(arguments)
    listing = trail(arguments.path, "audit export", {"format": arguments.format, **wanted.told()})
    with ExitStack() as stack:
        target = sys.stdout
        if arguments.output != "-":
            target = stack.enter_context(open(arguments.output, "w", encoding="utf-8", newline=""))  # noqa: PTH123  # as its counterpart, a text that may be -
        export(listing, wanted, target, doubts, csv=arguments.format == "csv")
    return warn(doubts)


def export(listing: Listing, wanted: Filter, target: TextIO, doubts: list[str], *, csv: bool) -> None:
    """Write what is wanted, batch by batch."""
    from extproc.audit.columns import csv_header, csv_row
    from extproc.audit.latest import ends
    from extproc.audit.reader import in_order

    sources = [source for end, source in ends(listing.sources) if not wanted.since or end >= wanted.since]
    if csv:
        target.write(csv_header())
    for batch in in_order(sources, doubts):
        for line in batch.lines:
            if wanted.wants(line.document):
                target.write(csv_row(line.document) if csv else line.raw.decode() + "\n")
