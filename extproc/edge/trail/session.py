"""One chain on the disk: its segments, each locked while it is written, each batch one write and one fdatasync."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from extproc.audit.chain import Chain
from extproc.audit.segment import Segment
from extproc.edge.trail.cursor import sync_directory
from extproc.edge.trail.keys import Ed25519SessionKey
from extproc.record import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from extproc.edge.trail.keys import Voucher

# Seconds of a UTC day, in Unix time.
_DAY = 86_400


class Session:
    """Opens a chain of its own in `directory` with the first batch that is written.

    `durable`: a batch is forced to the disk before `write` returns; otherwise when its segment ends. A segment ends
    after `segment_bytes`, and with its UTC day.

    Raises:
        KeyUnusable: the signing key cannot be had.
    """

    def __init__(
        self,
        directory: Path,
        writer: str,
        header: Mapping[str, object],
        *,
        voucher: Voucher | None,
        segment_bytes: int,
        durable: bool,
    ) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._durable = durable
        name, key = f"{writer}.{secrets.token_hex(6)}", Ed25519SessionKey()
        certificate = None if voucher is None else voucher.certify(name, key.public)
        self.chain = Chain(name, key, header, certificate)
        # Of the segment that is written now; -1 before the first, and after the end. The day is Unix time's.
        self.descriptor = -1
        self._path = directory
        self._day = -1
        self._size = 0
        self._written = 0

    def write(self, documents: Sequence[Mapping[str, object]]) -> list[Exception | None]:
        """Put one batch on the trail; per document None, or why it alone could not be (it is no JSON).

        Raises:
            OSError: the batch is not on the trail; this session can only be abandoned.
        """
        if not documents and self.descriptor >= 0:
            return []
        now = time.time()
        self._turn(now)
        refused = self.begin(documents, now)
        if self._durable:
            os.fdatasync(self.descriptor)
        self.settle()
        return refused

    def ready(self, now: float) -> bool:
        """Whether the next batch goes into the present segment: nothing is opened for it, or made.

        Raises:
            OSError: the segment is no file of the trail any more.
        """
        if self.descriptor < 0:
            return False
        if os.fstat(self.descriptor).st_nlink == 0:
            # Lines would go on being taken, which nobody will ever read.
            raise OSError(errno.ENOENT, "the segment was deleted")
        return self._size < self._segment_bytes and now // _DAY == self._day

    def begin(self, documents: Sequence[Mapping[str, object]], now: float) -> list[Exception | None]:
        """What `write` does, but the batch is not forced to the disk: that, and then `settle`, is left to the caller.

        Raises:
            OSError: as for `write`.
        """
        refused: list[Exception | None] = []
        for document in documents:
            try:
                self.chain.append(document)
            except TypeError as error:
                refused.append(error)
            else:
                refused.append(None)
        if self.chain.pending:
            data = self.chain.seal(now)
            _write(self.descriptor, data)
            self._written = len(data)
        return refused

    def settle(self) -> None:
        """The batch that was begun is on the trail."""
        self._size += self._written
        self._written = 0
        self.chain.settle()

    def close(self) -> None:
        """End the chain in order.

        Raises:
            OSError: its end is not on the trail.
        """
        if self.descriptor >= 0:
            try:
                self.write([{"time": timestamp(time.time()), "event": "closed"}])
                os.fdatasync(self.descriptor)
            finally:
                self._release()

    def abandon(self) -> None:
        """Give the chain up after an error: what of the last batch is on the disk is cut off, if it can be."""
        self.chain.rewind()
        if self.descriptor >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self.descriptor, self._size)
                if self._size == 0:
                    self._path.unlink()
            self._release()

    def _turn(self, now: float) -> None:
        """Begin the next segment when it is time to."""
        if self.ready(now):
            return
        former = self.descriptor
        self._begin(now)
        if former >= 0:
            try:
                if not self._durable:
                    os.fdatasync(former)
            finally:
                os.close(former)

    def _begin(self, now: float) -> None:
        day = int(now // _DAY)
        date = datetime.fromtimestamp(day * _DAY, UTC).date().isoformat()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / Segment(self.chain.name, self.chain.segment + 1, date).name
        # Under its own name only once it is locked: a segment without a lock is that of a writer that is gone.
        opening = path.with_name(f".{path.name}.opening")
        descriptor = os.open(opening, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            opening.rename(path)
            if self._durable:
                sync_directory(self._directory)
        except OSError:
            os.close(descriptor)
            for name in (opening, path):
                name.unlink(missing_ok=True)
            raise
        self.descriptor, self._path, self._day, self._size = descriptor, path, day, 0
        self.chain.open_segment(now)

    def _release(self) -> None:
        descriptor, self.descriptor = self.descriptor, -1
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    """All of it: a kernel may take less than it was given. Raises OSError."""
    while data:
        written = os.write(descriptor, data)
        if written == 0:
            raise OSError(errno.EIO, "nothing was written")
        data = data[written:]
