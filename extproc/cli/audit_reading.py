"""What the reading sub-commands of `kt audit` share: the trail's place, filters, the record of the read, warnings."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extproc.audit.filter import Filter
    from extproc.audit.source import Source
    from extproc.edge.trail.listing import Listing

Run = Callable[[argparse.Namespace], int]

DONE = 0
DOUBTFUL = 1
UNUSABLE = 2
_LISTS = {
    "outcome": "served, blocked, rejected, failed or aborted",
    "verdict": "allow, redact or block",
    "model": "as the client asked for it",
    "principal": "who asked",
    "policy": "what found something, or blocked",
}


def reading(name: str, *also: type[Exception]) -> Callable[[Run], Run]:
    """Of a sub-command's `run`: what cannot be read or understood is said under its name; the status is UNUSABLE."""
    told: tuple[type[Exception], ...] = (OSError, ValueError, *also)

    def around(run: Run) -> Run:
        @wraps(run)
        def guarded(arguments: argparse.Namespace) -> int:
            try:
                return run(arguments)
            except BrokenPipeError:
                # Whoever read the output left: for main.
                raise
            except told as error:
                print(f"kt audit {name}: {error}", file=sys.stderr)
                return UNUSABLE

        return guarded

    return around


def add_path(parser: argparse.ArgumentParser) -> None:
    """The trail's place."""
    parser.add_argument(
        "path",
        type=Path,
        nargs="?",
        default=Path("audit"),
        metavar="PATH",
        help="the trail's directory, or one segment (default: audit)",
    )


def add_filters(parser: argparse.ArgumentParser) -> None:
    """The filters; what is given several times is any of them."""
    group = parser.add_argument_group("filters", "each may be given several times: any of them")
    group.add_argument("--since", default="", metavar="TIME", help="RFC 3339, a UTC date, or an age: 15m, 24h, 7d")
    group.add_argument("--until", default="", metavar="TIME", help="before this time")
    for name, text in _LISTS.items():
        group.add_argument(f"--{name}", action="append", default=[], metavar=name.upper(), help=text)
    group.add_argument(
        "--event",
        action="append",
        default=[],
        metavar="EVENT",
        help="exchange, ended, access, opened, checkpoint, pruned, dropped, closed, or all (default: exchange, ended)",
    )


def filter_of(arguments: argparse.Namespace) -> Filter:
    """The filter that was asked for.

    Raises:
        ValueError: a time cannot be read.
    """
    from extproc.audit.filter import USUAL_EVENTS, Filter, moment

    now = time.time()
    return Filter(
        events=frozenset(arguments.event) or USUAL_EVENTS,
        since=moment(arguments.since, now) if arguments.since else "",
        until=moment(arguments.until, now) if arguments.until else "",
        outcomes=frozenset(arguments.outcome),
        verdicts=frozenset(arguments.verdict),
        models=frozenset(arguments.model),
        principals=frozenset(arguments.principal),
        policies=frozenset(arguments.policy),
    )


def trail(path: Path, what: str, filters: dict[str, object]) -> Listing:
    """The segments of a trail; that they are read is put on the trail, when it says that reads are to be.

    Raises:
        OSError: it cannot be read.
    """
    from extproc.edge.trail import access
    from extproc.edge.trail.listing import Listing

    listing = Listing(path)
    if not listing.alone and logs_reads(listing.sources):
        if os.access(path, os.W_OK):
            access.note(path, what, filters)
        else:
            print(f"kt: {path} is not writable: this read is not recorded", file=sys.stderr)
    return listing


def logs_reads(sources: Iterable[Source]) -> bool:
    """Whether the newest segment's first line says that reads are put on the trail (`log_all_access`)."""
    from extproc.audit.links import document
    from extproc.audit.source import lines

    newest: dict[str, object] = {}
    latest = max((source.segment.date for source in sources), default="")
    for source in sources:
        if source.segment.date == latest:
            first = next((line for _, line, _ in lines(source.chunks())), b"{}")
            opened = document(first)
            if opened.get("event") == "opened" and str(opened.get("time")) > str(newest.get("time", "")):
                newest = opened
    return newest.get("log_all_access") is True


def warn(doubts: list[str]) -> int:
    """Say what was not shown; the exit status."""
    for doubt in doubts:
        print(f"kt: not shown: {doubt}; kt audit verify says more", file=sys.stderr)
    status = DOUBTFUL if doubts else DONE
    doubts.clear()
    return status
