"""The local audit trail: one JSON line per exchange, appended to a file of this writer's own.

A line is handed to the kernel in one write before `write` returns: it outlives the process, whatever ends it. (It is
not yet forced to the disk: a machine that loses power may lose the last lines.)
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from extproc.edge import logs
from extproc.record import timestamp

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
        if self._failed_at is None:
            return False
        if time.monotonic() - self._failed_at < RETRY_SECONDS:
            return True
        try:
            self._resume()
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
            if self._failed_at is not None:
                self._resume()
            self._append(document)
        except OSError as error:
            if self._failed_at is None:
                logs.get().error("audit trail not writable", directory=str(self._directory), error=error.strerror)
            self._failed_at = time.monotonic()
            self._lost += 1
            raise AuditFailed(str(error.strerror)) from error

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor, self._day = -1, ""

    def _resume(self) -> None:
        # A new line first: the write that failed may have left half a line.
        self.close()
        self._append(
            {"time": timestamp(time.time()), "event": "audit_resumed", "writer": self._writer, "lost": self._lost},
            prefix=b"\n",
        )
        logs.get().info("audit trail writable again", lost=self._lost)
        self._failed_at, self._lost = None, 0

    def _append(self, document: dict[str, object], prefix: bytes = b"") -> None:
        day = datetime.now(UTC).date().isoformat()
        if day != self._day or self._descriptor < 0:
            self._open(day)
        line = prefix + orjson.dumps(document) + b"\n"
        written = os.write(self._descriptor, line)
        while written < len(line):
            written += os.write(self._descriptor, line[written:])

    def _open(self, day: str) -> None:
        if self._directory is None:  # pragma: no cover - write() returned before
            return
        self.close()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / f"{day}.{self._writer}.jsonl"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._day = day
