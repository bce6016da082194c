"""One sink's thread: takes pieces off its backlog and delivers them, again and again until each has arrived."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.edge import logs
from extproc.edge.trail import cursor
from extproc.edge.trail.backlog import Backlog, Part
from extproc.edge.trail.piece import Misplaced, Oversized, Piece, read
from extproc.edge.trail.sinks.sink import Undelivered

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.edge.trail.sinks.sink import Sink
    from extproc.edge.trail.watch import Seen

# Between two attempts, doubled each time, and spread over the upper half.
FIRST_SECONDS, LAST_SECONDS = 0.5, 60.0
# A receiver may ask for more than LAST_SECONDS, but not for a day.
MOST_RETRY_AFTER = 600.0
# The cursor is written at most so often: what is delivered twice after a crash is what came in so long.
SAVE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Status:
    """How a sink is doing. `delivered_*` count since the start; `lag_seconds` is the age of the oldest line that waits.

    `last_error` is the kind of the last failure, "" when the last delivery succeeded; `rejected_records` arrived, but
    the other side said that it does not keep them.
    """

    name: str
    required: bool
    delivered_bytes: int = 0
    delivered_records: int = 0
    rejected_records: int = 0
    backlog_bytes: int = 0
    lag_seconds: float = 0.0
    consecutive_failures: int = 0
    last_error: str = ""


class Delivery:
    """Delivers what `note` tells of, in a thread of its own, until `finish`."""

    def __init__(self, directory: Path, sink: Sink) -> None:
        self._directory = directory
        self._sink = sink
        self._settings = sink.settings
        self.name = self._settings.name
        self._backlog = Backlog(self._settings, {})
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"audit-{self.name}", daemon=True)
        self._deadline: float | None = None
        self._most_bytes = self._settings.batch_bytes
        self._bytes = self._records = self._failures = 0
        self._error = ""
        self._unsaved = False
        self._saved_at = 0.0
        self._moved_at = time.monotonic()

    def start(self) -> None:
        """Begin where the cursor is.

        Raises:
            OSError: it cannot be read; nothing has begun.
        """
        self._backlog = Backlog(self._settings, cursor.load(self._directory, self.name))
        self._moved_at = time.monotonic()
        self._thread.start()

    def note(self, seen: Seen) -> None:
        """The directory has changed so."""
        with self._wake:
            lost = self._backlog.note(seen, time.monotonic(), time.time())
            self._unsaved = self._unsaved or bool(seen.gone)
            self._wake.notify()
        for name in lost:
            self._tell_lost(name)

    def finish(self, deadline: float) -> None:
        """Deliver what is there without waiting for more, and end; at `deadline` (monotonic seconds) at the latest."""
        with self._wake:
            self._deadline = deadline
            self._backlog.hurry()
            self._wake.notify()

    def join(self) -> bool:
        """Wait for the end; whether all was delivered. One that does not end in time is left alone."""
        self._thread.join(max(0.0, (self._deadline or 0.0) - time.monotonic()) + SAVE_SECONDS)
        with self._wake:
            return not self._thread.is_alive() and self._backlog.size() == 0

    def status(self) -> Status:
        """How it is doing now."""
        now = time.monotonic()
        with self._wake:
            waiting = [since for fresh in (True, False) if (since := self._backlog.since(fresh=fresh)) is not None]
            return Status(
                name=self.name,
                required=self._settings.required,
                delivered_bytes=self._bytes,
                delivered_records=self._records,
                rejected_records=self._sink.rejected,
                backlog_bytes=self._backlog.size(),
                lag_seconds=max((now - since for since in waiting), default=0.0),
                consecutive_failures=self._failures,
                last_error=self._error,
            )

    @property
    def overdue(self) -> bool:
        """Whether a line has waited for longer than `max_lag`.

        What was there before the start counts only while nothing at all is delivered.
        """
        late = time.monotonic() - self._settings.max_lag
        with self._wake:
            fresh, old = (self._backlog.since(fresh=fresh) for fresh in (True, False))
            return (fresh is not None and fresh < late) or (old is not None and self._moved_at < late)

    @property
    def delivered(self) -> dict[str, int]:
        """Bytes delivered, by segment."""
        with self._wake:
            return self._backlog.cursor()

    def _run(self) -> None:
        try:
            self._prepare()
            while self._step():
                pass
        except Exception as error:  # noqa: BLE001 - a thread that ends unseen would be silence; see below
            # A fault of ours: the sink falls behind, which is reported, and refuses traffic where it is required.
            self._failed(error)
        self._save()

    def _prepare(self) -> None:
        while not self._over():
            try:
                self._sink.prepare()
            except Exception as error:  # noqa: BLE001 - any library may be behind a sink
                self._wait(self._failed(error))
            else:
                self._succeeded()
                return

    def _step(self) -> bool:
        """Deliver one piece, or wait; False when there is nothing left to do."""
        now = time.monotonic()
        with self._wake:
            part, later = self._backlog.next(now, flush=self._deadline is not None)
            if part is None:
                if self._deadline is not None and later is None:
                    return False
                save = self._saved_at + SAVE_SECONDS if self._unsaved else None
                until = min((at for at in (later, save, self._deadline) if at is not None), default=None)
                if until is None or until > now:
                    self._wake.wait(None if until is None else until - now)
        if part is not None:
            self._deliver(part)
        if self._unsaved and time.monotonic() - self._saved_at >= SAVE_SECONDS:
            self._save()
        return not self._over()

    def _deliver(self, part: Part) -> None:
        piece: Piece | None = None
        try:
            piece = self._read(part)
            taken = self._sink.deliver(piece) if piece is not None and piece.data else 0
        except Exception as error:  # noqa: BLE001 - any library may be behind a sink
            if isinstance(error, Undelivered) and error.too_large and piece is not None:
                # Half of it, down to one sealed batch, and so from now on.
                self._most_bytes = max(1, min(self._most_bytes, len(piece.data)) // 2)
                piece = None
            delay = self._failed(error)
            with self._wake:
                part.failures += 1
                part.tried = 0 if piece is None else piece.end
                part.not_before = time.monotonic() + max(delay, _back_off(part.failures))
            self._wait(delay)
            return
        if piece is None:
            return
        with self._wake:
            self._backlog.delivered(part, piece, taken)
            if taken:
                self._moved_at = time.monotonic()
                self._unsaved = True
                self._bytes += taken
                self._records += piece.records
        if taken:
            self._succeeded()

    def _read(self, part: Part) -> Piece | None:
        """The next piece; the same as before when that has failed."""
        path = self._directory / part.segment.name
        most = self._most_bytes if not part.tried else part.tried - part.delivered
        try:
            return read(path, part.delivered, most, self._settings.batch_records)
        except FileNotFoundError:
            self._tell_lost(part.segment.name)
            with self._wake:
                self._backlog.forget(part)
        except Misplaced:
            logs.get().warning("an audit sink's cursor is not at a line", sink=self.name, segment=part.segment.name)
            with self._wake:
                part.delivered = part.looked = part.tried = 0
        return None

    def _tell_lost(self, segment: str) -> None:
        logs.get().warning("a segment was removed before its delivery", sink=self.name, segment=segment)

    def _failed(self, error: Exception) -> float:
        """Take note of a failure; how long to wait (seconds)."""
        kind = _kind(error)
        with self._wake:
            new = kind != self._error
            self._error = kind
            self._failures += 1
        if new:
            logs.get().warning("audit sink fails", sink=self.name, kind=kind)
        asked = error.retry_after if isinstance(error, Undelivered) else 0.0
        return max(_back_off(self._failures), min(asked, MOST_RETRY_AFTER))

    def _succeeded(self) -> None:
        with self._wake:
            failed, self._failures, self._error = self._failures, 0, ""
        if failed:
            logs.get().info("audit sink delivers again", sink=self.name, after=failed)

    def _wait(self, seconds: float) -> None:
        """Wait so long, less when it is to finish, and not beyond the deadline."""
        with self._wake:
            flushing = self._deadline is not None
            until = time.monotonic() + seconds
            while (now := time.monotonic()) < until:
                if self._deadline is not None and (not flushing or now >= self._deadline):
                    return
                most = until if self._deadline is None else min(until, self._deadline)
                self._wake.wait(most - now)

    def _over(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _save(self) -> None:
        with self._wake:
            delivered, self._unsaved = self._backlog.cursor(), False
            self._saved_at = time.monotonic()
        try:
            cursor.save(self._directory, self.name, delivered)
        except OSError as error:
            # Later again. Until then the cursor is older than it could be, so that a crash delivers more twice.
            self._unsaved = True
            logs.get().warning("an audit sink's cursor is not written", sink=self.name, error=error.strerror)


def _back_off(failures: int) -> float:
    delay = min(LAST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures - 1, 20))
    return delay * random.uniform(0.5, 1.0)  # noqa: S311 - not for secrets


def _kind(error: Exception) -> str:
    if isinstance(error, Undelivered):
        return error.kind
    if isinstance(error, Oversized):
        return "oversized batch"
    # The kind of exception only: its message may quote what the other side said.
    return type(error).__name__
