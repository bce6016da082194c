"""The events of one exchange as they arrive, the chunks of a stream that have come together as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.edge import wire
from extproc.edge.transport import EOF
from extproc.events import ResponseBody

if TYPE_CHECKING:
    from extproc.edge.transport import Context, Message
    from extproc.events import Event

# Chunks are joined up to about so many bytes: well below what is judged in a thread (server.OFFLOAD_BYTES).
JOINED_BYTES = 32 * 1024


class Arriving:
    """Reads a call's events. No chunk waits for another.

    A chunk costs a message each way, and each search of the text its setup: so a worker that is behind catches up.
    """

    __slots__ = ("_ahead", "_context")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ahead: Event | None = None

    async def next(self) -> Event | None:
        """The next event, None after the last."""
        event, self._ahead = self._ahead, None
        if event is None:
            event = _event(await self._context.read())
        if isinstance(event, ResponseBody) and not event.end_of_stream and self._context.waiting:
            return await self._joined(event)
        return event

    async def _joined(self, chunk: ResponseBody) -> ResponseBody:
        chunks, size = [chunk.body], len(chunk.body)
        while not chunk.end_of_stream and self._context.waiting and size < JOINED_BYTES:
            event = _event(await self._context.read())
            if not isinstance(event, ResponseBody):
                self._ahead = event
                break
            chunk = event
            chunks.append(chunk.body)
            size += len(chunk.body)
        return ResponseBody(b"".join(chunks), chunk.end_of_stream)


def _event(message: Message) -> Event | None:
    return None if message is EOF else wire.decode(message)
