"""Awaiting what must not be left half done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


async def whole(work: Awaitable[T]) -> T:
    """Await `work` to its end; a cancellation that comes meanwhile is raised then, and not passed on to it."""
    future = asyncio.ensure_future(work)
    cancelled = False
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        # Otherwise told as an exception that nobody has seen.
        _ = future.cancelled() or future.exception()
        raise asyncio.CancelledError
    return future.result()
