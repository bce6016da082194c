"""The trail of one process: takes records, commits them in groups, and says when it cannot.

A thread of its own writes: while one batch is being forced to the disk the next one gathers, so that a hundred
exchanges that end together cost one fdatasync (group commit). With `immutable` an exchange waits for its batch.
Without it records wait in a bounded queue; what finds it full is counted, and the count goes on the trail.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from extproc.edge import logs
from extproc.edge.trail.keys import KeyUnusable
from extproc.edge.trail.session import Session
from extproc.record import fault, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from extproc.config.runtime import AuditSettings
    from extproc.edge.trail.keys import Voucher
    from extproc.edge.trail.meter import Meter

# How long after a failed write the next attempt is made; requests are refused meanwhile.
RETRY_SECONDS = 1.0
# Counting costs 10 us a metric, in files that processes share: what is counted for each batch is gathered for so long.
FLUSH_SECONDS = 0.25
# How long a process that ends waits for its last batch: a disk that hangs must not hold it for ever.
CLOSE_SECONDS = 10.0
# A batch costs 0.15 ms of CPU, whatever it holds. Without `immutable` nobody waits for it, and it gathers for a while.
# With it a moment's wait pays where it brings half a record more on average. One batch in so many tries that out, so
# who asks one thing after another hardly ever waits.
LAZY_SECONDS = 0.02
LINGER_SECONDS = 0.001
WORTH = 0.5
PROBE = 32
# A batch that is large enough waits for no more.
ENOUGH = 8
# Of captured bodies in one batch, roughly: a request's, an answer's, and what JSON adds.
MOST_BYTES = 64 * 1024 * 1024


class AuditFailed(Exception):
    """The record is not on the trail; the trail says so itself as soon as it can be written again."""


@dataclass(slots=True)
class _Item:
    documents: tuple[Mapping[str, object], ...]
    waiting: asyncio.Future[None] | None = None
    loop: asyncio.AbstractEventLoop | None = None


# Ends the thread.
_END = _Item(())


class Unmetered:
    """What of a Meter (meter.py) is called here; nothing is counted."""

    pending = False

    def committed(self, records: int, seconds: float) -> None:
        """One batch is on the trail."""

    def flush(self) -> None:
        """Let everything be seen."""

    def failed(self) -> None:
        """One attempt to write has failed."""

    def lost(self, records: int) -> None:
        """So many records are not on the trail."""

    def down(self, *, down: bool) -> None:
        """Whether the trail cannot be written."""


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
        self._most = max(1, min(settings.max_batch, MOST_BYTES // captured))
        self._header = header
        self._voucher = voucher
        self._meter = meter or Unmetered()
        self._down = down
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._session: Session | None = None
        self._broken = False
        # Counted on both sides of the thread.
        self._counting = threading.Lock()
        self._lost = 0
        self._dropped = 0
        self._told = 0
        self._after: dict[str, object] = {}
        # How many more records a moment's wait has brought of late.
        self._gain = 0.0
        self._batches = 0
        self._lingered = False

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
        session = self._session
        return "" if session is None else session.chain.name

    def start(self) -> None:
        """Open the trail; one that cannot be opened is `failed`, and tried again. Blocks for a moment."""
        if self._directory is not None:
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
        self._queue.put(_Item((document,)))

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
        self._queue.put(_Item(documents, waiting, loop))
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

    # The thread.

    def _run(self) -> None:
        held: list[_Item] = []
        while True:
            batch, ends = self._gather(wait=not held)
            batch = held + batch
            try:
                held = self._commit(batch)
            except Exception as error:  # noqa: BLE001 - without its thread the gateway would wait for ever
                logs.get().error("the audit trail's thread failed", fault=fault(error))
                self._break(batch)
                held = []
            if ends:
                self._end(held)
                return

    def _gather(self, *, wait: bool) -> tuple[list[_Item], bool]:
        """All that waits, up to a bound; whether it is the last."""
        batch: list[_Item] = []
        self._lingered = False
        try:
            item = self._queue.get(timeout=self._patience(wait=wait))
            while True:
                if item is _END:
                    return batch, True
                batch.append(item)
                if len(batch) >= self._most:
                    break
                item = self._next(batch)
        except queue.Empty:
            if not batch and self._meter.pending:
                self._meter.flush()
        return batch, False

    def _next(self, batch: list[_Item]) -> _Item:
        """What waits, or what comes in a moment, if that is worth the wait. Raises queue.Empty."""
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            if self._lingered or len(batch) >= ENOUGH:
                raise
        self._lingered = True
        if not self._settings.immutable:
            time.sleep(LAZY_SECONDS)
            return self._queue.get_nowait()
        self._batches += 1
        if self._gain < WORTH and self._batches % PROBE:
            raise queue.Empty
        time.sleep(LINGER_SECONDS)
        self._gain += (min(self._queue.qsize(), ENOUGH) - self._gain) / 8
        return self._queue.get_nowait()

    def _patience(self, *, wait: bool) -> float | None:
        """Seconds to wait for a record: for ever, unless there is something else to do."""
        if self._broken or not wait:
            return RETRY_SECONDS
        return FLUSH_SECONDS if self._meter.pending else None

    def _commit(self, batch: list[_Item]) -> list[_Item]:
        """Write a batch; gives back what is to be tried again."""
        if self._directory is None:
            return []
        began = time.perf_counter()
        try:
            if self._session is None:
                self._session = self._open(self._directory)
            dropped = self._dropped
            notes = [_dropped(dropped)] if dropped else []
            documents = [document for item in batch for document in item.documents]
            # A session writes its first line with its first batch, whatever else that holds.
            refused = self._session.write([*notes, *documents])[len(notes) :]
        except (OSError, KeyUnusable) as error:
            self._note_failure(error)
            return self._break(batch)
        if dropped:
            self._drop(-dropped)
        if self._broken:
            self._mend()
        self._meter.committed(len(documents), time.perf_counter() - began)
        for wrong in refused:
            if wrong is not None:
                # A fault of ours in one line (orjson knows the kind only by its message), not of the trail.
                logs.get().error("a record cannot be put on the audit trail", fault=fault(wrong))
        outcome = iter(refused)
        _tell(batch, [_first(islice(outcome, len(item.documents))) for item in batch])
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

    def _note_failure(self, error: OSError | KeyUnusable) -> None:
        why = str(error) if isinstance(error, KeyUnusable) else error.strerror
        if not self._broken:
            logs.get().error("audit trail not writable", directory=str(self._directory), error=why)
        self._meter.failed()

    def _break(self, batch: list[_Item]) -> list[_Item]:
        """The batch is not on the trail: whoever waits is told; what nobody waits for is kept for the next attempt."""
        session, self._session = self._session, None
        if session is not None:
            session.abandon()
            if session.chain.seq:
                self._after = {"chain": session.chain.name, "seq": session.chain.seq - 1, "hash": session.chain.head}
        self._broken = True
        self._meter.down(down=True)
        held = [item for item in batch if item.waiting is None]
        self._lose(sum(len(item.documents) for item in batch if item.waiting is not None))
        failed = AuditFailed("the trail cannot be written")
        _tell(batch, [failed] * len(batch))
        over = len(held) - self._settings.queue_records
        if over > 0:
            self._drop(over)
            held = held[:-over]
        return held

    def _end(self, held: list[_Item]) -> None:
        if held:
            logs.get().error("records are lost: the audit trail could not be written to the end", lost=len(held))
        self._meter.flush()
        if self._session is not None:
            try:
                self._session.close()
            except OSError as error:
                logs.get().error("the audit trail could not be ended", error=error.strerror)


def _dropped(count: int) -> Mapping[str, object]:
    return {"time": timestamp(time.time()), "event": "dropped", "count": count}


def _tell(batch: Sequence[_Item], refused: Sequence[Exception | None]) -> None:
    """Tell those who wait, each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[None], Exception | None]]] = {}
    for item, error in zip(batch, refused, strict=True):
        if item.waiting is not None and item.loop is not None:
            by_loop.setdefault(item.loop, []).append((item.waiting, error))
    for loop, results in by_loop.items():
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, results)


def _first(errors: Iterable[Exception | None]) -> Exception | None:
    return next((error for error in errors if error is not None), None)


def _resolve(results: Sequence[tuple[asyncio.Future[None], Exception | None]]) -> None:
    for future, error in results:
        if not future.done():
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error if isinstance(error, AuditFailed) else AuditFailed("the record is no JSON"))
