"""The local audit trail: one JSON line per exchange, appended to a file of this writer's own.

A line is handed to the kernel in one write before `write` returns: it outlives the process, whatever ends it. (It is
not yet forced to the disk: a machine that loses power may lose the last lines.)
"""

from __future__ import annotations

import errno
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from extproc.edge import logs
from extproc.record import fault, timestamp

if TYPE_CHECKING:
    from pathlib import Path

# How long after a failed write the next attempt is made; requests are refused meanwhile.
RETRY_SECONDS = 1.0


class AuditFailed(Exception):
    """The line could not be written; the trail says so itself as soon as it can be written again."""


class AuditTrail:
    """Appends to `directory`/`<UTC date>.<writer>.jsonl`; `directory` None writes nothing, and never fails.

    Each worker is a writer of its own, so lines of different processes never meet in one file.
    """

    def __init__(self, directory: Path | None, writer: str) -> None:
        self._directory = directory
        self._writer = writer
        self._day = ""
        self._descriptor = -1
        self._failed_at: float | None = None
        self._lost = 0

    @property
    def failed(self) -> bool:
        """Whether lines cannot be written at present; looks again once RETRY_SECONDS have passed."""
        if self._directory is None or self._failed_at is None:
            return False
        if time.monotonic() - self._failed_at < RETRY_SECONDS:
            return True
        try:
            self._resume(self._directory)
        except OSError:
            self._failed_at = time.monotonic()
            return True
        return False

    def write(self, document: dict[str, object]) -> None:
        """Append one line.

        Raises:
            AuditFailed: it is not on the trail.
        """
        if self._directory is None:
            return
        try:
            line = orjson.dumps(document)
        except TypeError as error:
            # A fault of ours in one line (orjson knows the kind only by its message), not of the trail.
            logs.get().error("a line cannot be put on the audit trail", fault=fault(error))
            raise AuditFailed("the line is no JSON") from error
        try:
            if self._failed_at is not None:
                self._resume(self._directory)
            self._append(self._directory, line)
        except OSError as error:
            if self._failed_at is None:
                logs.get().error("audit trail not writable", directory=str(self._directory), error=error.strerror)
            self._failed_at = time.monotonic()
            self._lost += 1
            raise AuditFailed(str(error.strerror)) from error

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._descriptor >= 0:
            descriptor, self._descriptor, self._day = self._descriptor, -1, ""
            os.close(descriptor)

    def _resume(self, directory: Path) -> None:
        # Opened anew: that ends the half line which the failed write may have left.
        self.close()
        note = {"time": timestamp(time.time()), "event": "audit_resumed", "writer": self._writer, "lost": self._lost}
        self._append(directory, orjson.dumps(note))
        logs.get().info("audit trail writable again", lost=self._lost)
        self._failed_at, self._lost = None, 0

    def _append(self, directory: Path, line: bytes) -> None:
        day = datetime.now(UTC).date().isoformat()
        # A file that was deleted takes lines as before, which nobody will ever read.
        if day != self._day or os.fstat(self._descriptor).st_nlink == 0:
            self._open(directory, day)
        _write(self._descriptor, line + b"\n")

    def _open(self, directory: Path, day: str) -> None:
        self.close()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / f"{day}.{self._writer}.jsonl"
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                # Cut short, by a full disk or the death of a former process: ended here, the next one is whole.
                _write(descriptor, b"\n")
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor, self._day = descriptor, day


def _write(descriptor: int, data: bytes) -> None:
    """All of it: a kernel may take less than it was given. Raises OSError."""
    while data:
        written = os.write(descriptor, data)
        if written == 0:
            raise OSError(errno.EIO, "nothing was written")
        data = data[written:]
