"""Records on their way to the trail, and those who wait for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice


class AuditFailed(Exception):
    """The record is not on the trail; the trail says so itself as soon as it can be written again."""


@dataclass(slots=True)
class Item:
    """Documents that go on the trail together, and who waits for that, in which loop."""

    documents: tuple[Mapping[str, object], ...]
    waiting: asyncio.Future[None] | None = None
    loop: asyncio.AbstractEventLoop | None = None


def documents(batch: Sequence[Item]) -> list[Mapping[str, object]]:
    """All that are in a batch."""
    return [document for item in batch for document in item.documents]


def outcomes(batch: Sequence[Item], refused: Sequence[Exception | None]) -> list[Exception | None]:
    """Of each item, the first of its documents' errors."""
    if not any(refused):
        return [None] * len(batch)
    outcome = iter(refused)
    return [next(filter(None, islice(outcome, len(item.documents))), None) for item in batch]


def tell(batch: Sequence[Item], results: Sequence[Exception | None]) -> None:
    """Tell those who wait, from a thread: each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, tuple[list[Item], list[Exception | None]]] = {}
    for item, result in zip(batch, results, strict=True):
        if item.loop is not None:
            items, found = by_loop.setdefault(item.loop, ([], []))
            items.append(item)
            found.append(result)
    for loop, (items, found) in by_loop.items():
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(resolve, items, found)


def resolve(batch: Sequence[Item], results: Sequence[Exception | None]) -> None:
    """Tell those who wait, in their loop."""
    for item, error in zip(batch, results, strict=True):
        future = item.waiting
        if future is None or future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error if isinstance(error, AuditFailed) else AuditFailed("the record is no JSON"))
