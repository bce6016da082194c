"""The trail of one process: takes records, commits them in groups, and says when it cannot.

While one batch is being forced to the disk the next one gathers, so that a hundred exchanges that end together cost
one fdatasync (group commit). With `immutable` an exchange waits for its batch: the event loop writes it, and the kernel
tells when it is on the disk (disk.py). All else is the work of a thread: whatever may take long (a segment to open, a
key to ask for, a disk that has failed), every batch where the kernel offers no such thing, and every batch of a trail
that is not `immutable`. There records wait in a bounded queue; what finds it full is counted, and the count goes on
the trail.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING

from extproc.edge import logs
from extproc.edge.trail.batch import AuditFailed, Item, documents, outcomes, tell
from extproc.edge.trail.disk import library, open_disk
from extproc.edge.trail.in_loop import InLoop
from extproc.edge.trail.keys import KeyUnusable
from extproc.edge.trail.meter import Meter
from extproc.edge.trail.session import Session
from extproc.record import fault, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from extproc.config.runtime import AuditSettings
    from extproc.edge.trail.keys import Voucher

# How long after a failed write the next attempt is made; requests are refused meanwhile.
RETRY_SECONDS = 1.0
# How long a process that ends waits for its last batch: a disk that hangs must not hold it for ever.
CLOSE_SECONDS = 10.0
# A batch costs 0.15 ms of CPU, whatever it holds. Without `immutable` nobody waits for it, and it gathers for a while.
LAZY_SECONDS = 0.02
# Of captured bodies in one batch, roughly: a request's, an answer's, and what JSON adds.
MOST_BYTES = 64 * 1024 * 1024


# Ends the thread; wakes it.
_END = Item(())
_WAKE = Item(())


class Trail:
    """Puts documents on the trail of `settings.path`; `header` goes into every segment's first line.

    `down` says whether something else that the trail depends on has failed (a required sink).
    """

    def __init__(
        self,
        settings: AuditSettings,
        writer: str,
        header: Mapping[str, object],
        *,
        voucher: Voucher | None = None,
        meter: Meter | None = None,
        down: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._directory: Path | None = settings.path if settings.enabled else None
        self._writer = writer
        # A batch is made in memory and read as one by whoever verifies it.
        captured = 3 * settings.capture_bytes if settings.capture != "none" else 1
        self.most = max(1, min(settings.max_batch, MOST_BYTES // captured))
        self._header = header
        self._voucher = voucher
        self._meter = meter or Meter()
        self._down = down
        self._queue: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.session: Session | None = None
        self._broken = False
        # Counted on both sides of the thread.
        self._counting = threading.Lock()
        self._lost = 0
        self._dropped = 0
        self._told = 0
        self._after: dict[str, object] = {}
        self._lingered = False
        # Held by who writes: the thread, or the loop, until the disk has what it wrote.
        self.writing = threading.Lock()
        self._in_loop: InLoop | None = None
        self._disk_asked_for = False

    @property
    def enabled(self) -> bool:
        """Whether there is a trail: without one documents need not be made."""
        return self._directory is not None

    @property
    def failed(self) -> bool:
        """Whether no request may be taken now: its record could not be made durable."""
        return self._settings.immutable and (self._broken or self._down())

    @property
    def chain(self) -> str:
        """The name of the chain that is written now; "" while there is none."""
        session = self.session
        return "" if session is None else session.chain.name

    def start(self) -> None:
        """Open the trail; one that cannot be opened is `failed`, and tried again. Blocks for a moment."""
        if self._directory is not None:
            if self._settings.immutable:
                # Here, where nobody waits: it takes as long as twenty exchanges.
                library()
            self._commit([])
            self._thread = threading.Thread(target=self._run, name="audit trail", daemon=True)
            self._thread.start()

    def put(self, document: Mapping[str, object]) -> None:
        """Hand a record over without waiting. What cannot be kept is counted, and told on the trail."""
        if self._thread is None:
            if self._directory is not None:
                logs.get().error("a record came when the audit trail was closed, and is lost")
                self._lose(1)
            return
        if not self._settings.immutable and self._queue.qsize() >= self._settings.queue_records:
            self._drop(1)
            return
        self._queue.put(Item((document,)))

    async def commit(self, *documents: Mapping[str, object]) -> None:
        """Hand records over, all or none; with `immutable` they are durable when this returns.

        Raises:
            AuditFailed: they are not on the trail.
        """
        if self._directory is None or not self._settings.immutable or not documents:
            for document in documents:
                self.put(document)
            return
        if self._broken or self._thread is None:
            self._lose(len(documents))
            raise AuditFailed("the trail cannot be written")
        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        item = Item(documents, waiting, loop)
        direct = self._direct(loop)
        if direct is None:
            self._queue.put(item)
        else:
            direct.take(item)
        await waiting

    def close(self) -> None:
        """Write what waits and end the chain; blocks until that is done, or given up. Later records are lost."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._queue.put(_END)
        thread.join(CLOSE_SECONDS)
        if thread.is_alive():
            logs.get().error("the audit trail did not close in time")
        if self._in_loop is not None:
            # A loop that is closed hears no more anyway.
            with contextlib.suppress(RuntimeError):
                self._in_loop.loop.call_soon_threadsafe(self._in_loop.close)

    # The loop's half (in_loop.py).

    def _direct(self, loop: asyncio.AbstractEventLoop) -> InLoop | None:
        """The half that writes for this loop; None where the thread does."""
        if not self._disk_asked_for:
            self._disk_asked_for = True
            disk = open_disk(loop)
            self._in_loop = None if disk is None else InLoop(self, loop, disk)
        found = self._in_loop
        return found if found is not None and found.loop is loop else None

    @property
    def closed(self) -> bool:
        """Whether nobody writes any more."""
        return self._thread is None

    def hand_over(self, batch: Sequence[Item]) -> None:
        """Let the thread write a batch."""
        for item in batch:
            self._queue.put(item)

    def written(self, refused: Sequence[Exception | None], began: float) -> None:
        """A batch is on the trail, but for what could not be put there at all."""
        self._meter.committed(len(refused), time.perf_counter() - began)
        for wrong in refused:
            if wrong is not None:
                # A fault of ours in one line (orjson knows the kind only by its message), not of the trail.
                logs.get().error("a record cannot be put on the audit trail", fault=fault(wrong))

    def not_written(self, batch: Sequence[Item], error: Exception) -> list[Item]:
        """A batch is not; gives back what is to be tried again. The session is given up."""
        known = str(error) if isinstance(error, KeyUnusable) else getattr(error, "strerror", None)
        why = known or fault(error)
        if not self._broken:
            logs.get().error("audit trail not writable", directory=str(self._directory), error=why)
        self._meter.failed()
        return self._break(batch)

    def repair(self) -> None:
        """Let the thread open the trail again: there may be nothing else to wake it."""
        self._queue.put(_WAKE)

    def lose(self, batch: Sequence[Item]) -> None:
        """A batch came when all was over."""
        self._lose(len(documents(batch)))

    # The thread.

    def _run(self) -> None:
        held: list[Item] = []
        while True:
            batch, ends = self._gather(wait=not held)
            batch = held + batch
            try:
                with self.writing:
                    held = self._commit(batch)
            except Exception as error:  # noqa: BLE001 - without its thread the gateway would wait for ever
                logs.get().error("the audit trail's thread failed", fault=fault(error))
                self._break(batch)
                held = []
            if ends:
                with self.writing:
                    self._end(held)
                return

    def _gather(self, *, wait: bool) -> tuple[list[Item], bool]:
        """All that waits, up to a bound; whether it is the last."""
        batch: list[Item] = []
        self._lingered = False
        with contextlib.suppress(queue.Empty):
            item = self._queue.get(timeout=self._patience(wait=wait))
            while True:
                if item is _END:
                    return batch, True
                batch.append(item)
                if len(batch) >= self.most:
                    break
                item = self._next()
        return batch, False

    def _next(self) -> Item:
        """What waits, or what comes in a moment where nobody waits for it. Raises queue.Empty."""
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            if self._lingered or self._settings.immutable:
                raise
        self._lingered = True
        time.sleep(LAZY_SECONDS)
        return self._queue.get_nowait()

    def _patience(self, *, wait: bool) -> float | None:
        """Seconds to wait for a record: for ever, unless there is something else to do."""
        return RETRY_SECONDS if self._broken or not wait else None

    def _commit(self, batch: list[Item]) -> list[Item]:
        """Write a batch; gives back what is to be tried again."""
        if self._directory is None:
            return []
        began = time.perf_counter()
        try:
            if self.session is None:
                self.session = self._open(self._directory)
            dropped = self._dropped
            notes = [_dropped(dropped)] if dropped else []
            # A session writes its first line with its first batch, whatever else that holds.
            refused = self.session.write([*notes, *documents(batch)])[len(notes) :]
        except (OSError, KeyUnusable) as error:
            return self.not_written(batch, error)
        if dropped:
            self._drop(-dropped)
        if self._broken:
            self._mend()
        self.written(refused, began)
        tell(batch, outcomes(batch, refused))
        return []

    def _open(self, directory: Path) -> Session:
        settings = self._settings
        return Session(
            directory,
            self._writer,
            {**self._header, **self._resumed()},
            voucher=self._voucher,
            segment_bytes=settings.segment_bytes,
            durable=settings.immutable,
        )

    def _resumed(self) -> dict[str, object]:
        if not self._broken:
            return {}
        self._told = self._lost
        return {"resumed": {**self._after, "lost": self._told}}

    def _mend(self) -> None:
        logs.get().info("audit trail writable again", lost=self._told)
        self._broken, self._after = False, {}
        self._lose(-self._told)
        self._meter.down(down=False)
        self._told = 0

    def _drop(self, count: int) -> None:
        with self._counting:
            if count > 0 and not self._dropped:
                logs.get().error("the audit queue is full; records are lost and counted")
            self._dropped += count
        if count > 0:
            self._meter.lost(count)

    def _lose(self, count: int) -> None:
        with self._counting:
            self._lost += count
        if count > 0:
            self._meter.lost(count)

    def _break(self, batch: Sequence[Item]) -> list[Item]:
        """The batch is not on the trail: whoever waits is told; what nobody waits for is kept for the next attempt."""
        session, self.session = self.session, None
        if session is not None:
            session.abandon()
            if session.chain.seq:
                self._after = {"chain": session.chain.name, "seq": session.chain.seq - 1, "hash": session.chain.head}
        self._broken = True
        self._meter.down(down=True)
        held = [item for item in batch if item.waiting is None]
        self._lose(sum(len(item.documents) for item in batch if item.waiting is not None))
        failed = AuditFailed("the trail cannot be written")
        tell(batch, [failed] * len(batch))
        over = len(held) - self._settings.queue_records
        if over > 0:
            self._drop(over)
            held = held[:-over]
        return held

    def _end(self, held: list[Item]) -> None:
        if held:
            logs.get().error("records are lost: the audit trail could not be written to the end", lost=len(held))
        if self.session is not None:
            try:
                self.session.close()
            except OSError as error:
                logs.get().error("the audit trail could not be ended", error=error.strerror)


def _dropped(count: int) -> Mapping[str, object]:
    return {"time": timestamp(time.time()), "event": "dropped", "count": count}
