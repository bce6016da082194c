"""`kt audit tail`: the last records, and those that come."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from extproc.cli.audit_reading import add_filters, add_path, filter_of, reading, trail, warn

if TYPE_CHECKING:
    from extproc.audit.reader import Line

# How often a trail that is followed is looked at.
POLL_SECONDS = 0.3


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `tail` to the sub-commands of `kt audit`."""
    parser = commands.add_parser(
        "tail",
        help="show the last records, or follow them",
        description="Show the records that were sealed last, of all writers in order of time. Only what stands under a "
        "seal that holds is shown; what else was found is told on standard error, and the exit status is then 1.",
    )
    add_path(parser)
    parser.add_argument("-n", type=int, default=10, dest="count", metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="the lines as they stand on the trail")
    add_filters(parser)
    parser.set_defaults(run=run)


@reading("tail")
def run(arguments: argparse.Namespace) -> int:
    """`kt audit tail`: 0, 1 when something is under no seal that holds, 2 when the trail cannot be read."""
    from extproc.audit.latest import latest

    doubts: list[str] = []
    wanted = filter_of(arguments)
    listing = trail(arguments.path, "audit tail", wanted.told())
    for _, line in latest(listing.sources, wanted, arguments.count, doubts):
        print(shown(line, as_json=arguments.json))
    status = warn(doubts)
    if arguments.follow:
        from extproc.edge.trail.follow import Follower

        follower = Follower(arguments.path, listing)
        while True:
            sys.stdout.flush()
            time.sleep(POLL_SECONDS)
            for batch in follower.poll(doubts):
                for line in batch.lines:
                    if wanted.wants(line.document):
                        print(shown(line, as_json=arguments.json))
            warn(doubts)
    return status


def shown(line: Line, *, as_json: bool) -> str:
    """A line for people, in columns; or as it stands on the trail."""
    from extproc.audit.columns import COLUMNS, printable

    if as_json:
        return line.raw.decode()
    cells = {name: printable(get(line.document)) for name, get in COLUMNS.items()}
    if cells["event"] != "exchange":
        hidden = ("chain", "seq", "prev", "time", "event")
        rest = {name: value for name, value in line.document.items() if name not in hidden}
        return f"{cells['time']:27}  {cells['event']:8}  {printable(rest)}"
    tokens = f"{cells['prompt_tokens'] or '-'}+{cells['completion_tokens'] or '-'}"
    why = " ".join(
        filter(None, (cells["block_policy"], cells["block_rule"], cells["error_code"] or cells["error_type"]))
    )
    return (
        f"{cells['time']:27}  {cells['outcome']:8}  {cells['status']:>3}  {cells['verdict']:6}  {cells['model']:24}  "
        f"{cells['principal'] or '-':12}  {tokens:>11}  {cells['total_ms']:>9} ms  {cells['request_id']}  {why}"
    ).rstrip()
