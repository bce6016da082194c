"""Removes segments whose retention has passed: never sooner, never out of order, never one that is still needed.

    removed = plan(directory, now=time.time(), retention_days=365, legal_hold=False, delivered=shipper.delivered)
    # the line pruned.document(removed, now) is made durable
    remove(directory, removed)

After a crash in between, what is still there is planned again.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

import orjson

from extproc.audit import merkle
from extproc.audit.pruned import Removed
from extproc.audit.segment import Segment, parse
from extproc.edge.trail import lock, sealed
from extproc.edge.trail.cursor import sync_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def plan(
    directory: Path, *, now: float, retention_days: int, legal_hold: bool, delivered: Mapping[str, int] | None
) -> tuple[Removed, ...]:
    """The segments that may go, of each chain the oldest first.

    Of a chain goes what is older than its first segment that stays. Only names are read, and of those segments whose
    name says that they are old enough, the first and last lines.

    Args:
        directory: the trail.
        now: Unix seconds.
        retention_days: the configured days; a segment's own header holds if it says more.
        legal_hold: nothing may go.
        delivered: bytes of each segment that all required sinks have; None when there are no such sinks.

    Raises:
        OSError: the directory or a segment cannot be read.
    """
    if legal_hold:
        return ()
    at = datetime.fromtimestamp(now, UTC)
    newest = (at - timedelta(days=retention_days)).date().isoformat()
    found = sorted(segment for name in os.listdir(directory) if (segment := parse(name)))  # noqa: PTH208 - names only
    removed: list[Removed] = []
    for _, chain in groupby(found, key=lambda segment: segment.chain):
        for segment in chain:
            if segment.date > newest:
                break
            going = _going(directory, segment, at, retention_days)
            if going is None:
                break
            one, end = going
            if delivered is not None and delivered.get(segment.name, 0) < end:
                break
            removed.append(one)
    return tuple(removed)


def remove(directory: Path, removed: Iterable[Removed]) -> None:
    """Remove what a durable `pruned` line tells of; what is gone already is passed over.

    Raises:
        OSError: one cannot be removed; those before it are.
        ValueError: a name is no segment's.
    """
    for one in sorted(removed):
        if parse(one.segment) is None:
            raise ValueError(f"not a segment: {one.segment!r}")
        (directory / one.segment).unlink(missing_ok=True)
    sync_directory(directory)


def _going(directory: Path, segment: Segment, now: datetime, retention_days: int) -> tuple[Removed, int] | None:
    """What the `pruned` line says of a segment that may go, and where its sealed part ends; None if it stays.

    One without any seal stays: there is no line of it that a `pruned` line could name.
    """
    path = directory / segment.name
    try:
        if lock.held(path):
            return None
        header, last = sealed.opened(path), sealed.last_seal(path)
    except FileNotFoundError:
        return None
    if last is None:
        return None
    line, end = last
    seal = orjson.loads(line)
    own, first = header.get("retention_days"), header.get("seq")
    if not isinstance(first, int):
        # Not as a writer leaves it: evidence.
        return None
    days = max(retention_days, own if isinstance(own, int) else 0)
    last_time = datetime.fromisoformat(seal["time"])
    # A time before the day in the name was set back: by a wrong clock, or by somebody who wants it to go.
    if last_time.date().isoformat() < segment.date or last_time + timedelta(days=days) > now:
        return None
    return Removed(segment.name, first, seal["seq"], merkle.leaf(line).hex(), seal["time"], days), end
