"""The event loop's half of a trail: writes what exchanges wait for, while the disk works on the batch before."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Protocol

from extproc.edge.trail.batch import AuditFailed, Item, documents, outcomes, resolve

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from extproc.edge.trail.session import Session


class Disk(Protocol):
    """disk.py's, as far as it is asked for here."""

    def sync(self, descriptor: int, done: Callable[[OSError | None], None]) -> None:
        """Begin an fdatasync. Raises OSError."""

    def close(self) -> None:
        """Hear no more of it. To be called in the loop."""


class Shared(Protocol):
    """The trail, as far as the loop's half knows it."""

    # Held by who writes: the trail's thread, or the loop, until the disk has what it wrote.
    writing: threading.Lock
    session: Session | None
    # Items in a batch, at the most.
    most: int

    @property
    def closed(self) -> bool:
        """Whether nobody writes any more."""

    def hand_over(self, batch: Sequence[Item]) -> None:
        """Let the thread write a batch."""

    def written(self, refused: Sequence[Exception | None], began: float) -> None:
        """A batch is on the trail, but for what could not be put there at all; `refused` is per document."""

    def not_written(self, batch: Sequence[Item], error: Exception) -> object:
        """A batch is not, and the session is given up: tell who waits. `writing` is held."""

    def repair(self) -> None:
        """Let the thread open the trail again."""

    def lose(self, batch: Sequence[Item]) -> None:
        """A batch came when all was over."""


class InLoop:
    """Writes for the exchanges of one event loop; everything here is called in it."""

    def __init__(self, trail: Shared, loop: asyncio.AbstractEventLoop, disk: Disk) -> None:
        self.loop = loop
        self._trail = trail
        self._disk = disk
        # What gathers for the next batch; whether one is under way, or about to be.
        self._gathered: list[Item] = []
        self._busy = False

    def take(self, item: Item) -> None:
        """Put one in the next batch."""
        self._gathered.append(item)
        if not self._busy:
            self._busy = True
            # At the end of this turn of the loop: what else ends in it is in the same batch.
            self.loop.call_soon(self._write)

    def close(self) -> None:
        """Hear no more of the disk."""
        self._disk.close()

    def _write(self) -> None:
        trail = self._trail
        batch, self._gathered = self._gathered[: trail.most], self._gathered[trail.most :]
        if trail.closed:
            trail.lose(batch)
            resolve(batch, [AuditFailed("the trail is closed")] * len(batch))
        elif trail.writing.acquire(blocking=False):
            try:
                if self._begun(batch):
                    return
                trail.writing.release()
                trail.hand_over(batch)
            except Exception as error:  # noqa: BLE001 - as in the thread: without a word everybody would wait for ever
                self._give_up(batch, error)
        else:
            # The thread is at work: it takes this batch next.
            trail.hand_over(batch)
        self._go_on()

    def _begun(self, batch: list[Item]) -> bool:
        """Write a batch and let the disk work; False when that is more than to write. Raises OSError."""
        session, now, began = self._trail.session, time.time(), time.perf_counter()
        if session is None or not session.ready(now):
            return False
        refused = session.begin(documents(batch), now)
        self._disk.sync(session.descriptor, partial(self._on_disk, batch, session, refused, began))
        return True

    def _on_disk(
        self,
        batch: list[Item],
        session: Session,
        refused: list[Exception | None],
        began: float,
        error: OSError | None,
    ) -> None:
        """The batch is on the disk, or will never be."""
        try:
            if error is not None:
                raise error  # noqa: TRY301 - one place gives up
            session.settle()
            self._trail.written(refused, began)
        except Exception as failure:  # noqa: BLE001 - as above
            self._give_up(batch, failure)
        else:
            self._trail.writing.release()
            resolve(batch, outcomes(batch, refused))
        self._go_on()

    def _give_up(self, batch: list[Item], error: Exception) -> None:
        self._trail.not_written(batch, error)
        self._trail.writing.release()
        self._trail.repair()

    def _go_on(self) -> None:
        self._busy = bool(self._gathered)
        if self._busy:
            self.loop.call_soon(self._write)
