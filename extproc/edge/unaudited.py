"""Exchanges that no worker can have audited, from Envoy's own log: none goes unaudited, even with every worker down.

Envoy writes a line for each exchange that it refused before a worker saw it (a malformed request, say), for each that
ended because its worker died, and for each that broke off while a worker had it. This reads those lines and puts them
on the trail: the first two as the exchange's line, the last as an `ended` line beside the worker's, with the same
request id, which says who left and what the client was told.

The log does not grow for ever: once ROTATE_BYTES of it have been read it is renamed and Envoy asked to open another.
Envoy does so before it next writes, so that what it writes until then still comes to the renamed file; when the new
file is there the renamed one is complete, and is deleted once it is read to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import orjson

from extproc.edge import logs
from extproc.edge.envoy_admin import AdminUnreachable
from extproc.edge.trail.batch import AuditFailed
from extproc.metrics.families import EXCHANGES
from extproc.metrics.tally import Tally
from extproc.metrics.traffic import endpoint_of
from extproc.record import FAILED, REJECTED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from extproc.edge.trail.writer import Trail

POLL_SECONDS = 0.25
ROTATE_BYTES = 16 * 1024 * 1024
# Of the log in memory at a time; longer than any line (Envoy takes 60 KiB of request headers).
CHUNK_BYTES = 1024 * 1024
_CLIENT_FAULTS = range(400, 500)
# The gRPC stream was lost: the worker died, and nobody else has the exchange. UNAVAILABLE before it had answered
# anything; INTERNAL after that, as all that it had open when it was killed (measured with scripts/chaos killed-worker).
_WORKER_LOST = (
    "ext_proc_error_gRPC_error_14",
    "ext_proc_error_gRPC_error_13{upstream_reset_after_response_started{connection_termination}",
)


def document(line: dict[str, object], config: dict[str, str]) -> dict[str, object]:
    """The audit line of an exchange that Envoy ended by itself; `line` is one line of its access log."""
    status = line.get("status")
    status = status if isinstance(status, int) else 0
    details = str(line.get("details") or "")
    broken_off = bool(line.get("claimed")) and not details.startswith(_WORKER_LOST)
    told = {
        "time": line.get("time"),
        "request_id": line.get("request_id"),
        "event": "ended" if broken_off else "exchange",
        # A stream that had its 200 and lost its worker was not refused.
        "outcome": None if broken_off else REJECTED if status in _CLIENT_FAULTS else FAILED,
        "status": status,
        "verdict": None if broken_off else "none",
        "method": line.get("method"),
        "path": line.get("path"),
        "source_address": line.get("peer"),
        "detail": f"ended by Envoy: {details} ({line.get('flags')})",
        "request_bytes": line.get("bytes_received"),
        "response_bytes": line.get("bytes_sent"),
        "latency_ms": {"total": line.get("duration_ms")},
        "config": config,
    }
    return {name: value for name, value in told.items() if value is not None}


class UnauditedLog:
    """Follows Envoy's access log, and audits and counts what it tells of. `reopen` asks Envoy to open its log anew."""

    def __init__(
        self,
        path: Path,
        trail: Trail,
        config: dict[str, str],
        reopen: Callable[[], Awaitable[object]],
        tally: Tally | None = None,
    ) -> None:
        self._path = path
        self._renamed = path.with_name(path.name + ".old")
        self._trail = trail
        self._config = config
        self._reopen = reopen
        self._tally = tally or Tally()
        self._offset = 0
        self._task: asyncio.Task[None] | None = None

    def use(self, trail: Trail, config: dict[str, str]) -> None:
        """From now on: after a reload."""
        self._trail, self._config = trail, config

    def start(self) -> None:
        """Follow until `stop`."""
        self._task = asyncio.create_task(self._follow(), name="unaudited")

    async def stop(self) -> None:
        """Read what is left, once, and stop. Call it after Envoy has ended: it flushes its log then."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._look()

    async def read(self) -> bool:
        """Audit every whole line since the last call; False when one could not be, which is tried again next time.

        Raises:
            OSError: the log cannot be read.
        """
        if self._renamed.exists():
            # Asked before the rest is read: a file that was complete then has all its lines now.
            complete = self._path.exists()
            if not await self._read(self._renamed):
                return False
            if not complete:
                return True
            self._renamed.unlink()
            self._offset = 0
        return await self._read(self._path)

    async def _read(self, path: Path) -> bool:
        try:
            log = path.open("rb")
        except FileNotFoundError:
            return True
        with log:
            if log.seek(0, 2) < self._offset:
                logs.get().warning("Envoy's access log was cut; it is read from its new beginning")
                self._offset = 0
            while True:
                log.seek(self._offset)
                data = log.read(CHUNK_BYTES)
                whole = data.rfind(b"\n") + 1 or (len(data) if len(data) == CHUNK_BYTES else 0)
                if whole and not await self._audit(data[:whole]):
                    return False
                self._offset += whole
                if len(data) < CHUNK_BYTES:
                    return True

    async def _audit(self, lines: bytes) -> bool:
        """All of them, in one batch, or none."""
        told = (self._told(line) for line in lines.splitlines(keepends=True))
        documents = [document(line, self._config) for line in told if line is not None]
        try:
            await self._trail.commit(*documents)
        except AuditFailed:
            return False
        for each in documents:
            self._count(each)
        return True

    def _count(self, document: Mapping[str, object]) -> None:
        # Those that broke off while a worker had them are counted there.
        if document["event"] == "exchange":
            labels = (endpoint_of(str(document.get("path"))), "", "", document["outcome"], document["status"])
            self._tally.cell(EXCHANGES, *map(str, labels))[0] += 1

    def _told(self, line: bytes) -> dict[str, object] | None:
        try:
            told = orjson.loads(line)
        except ValueError:
            told = None
        if isinstance(told, dict):
            return told
        # Of the line itself nothing is repeated: a path may stand in it.
        logs.get().error("a line of Envoy's access log is not a JSON object", length=len(line))
        return None

    async def _look(self) -> bool:
        try:
            return await self.read()
        except OSError as error:
            logs.get().error("Envoy's access log cannot be read", error=error.strerror)
            return False

    async def _follow(self) -> None:
        while True:
            if await self._look():
                await self._rotate()
            await asyncio.sleep(POLL_SECONDS)

    async def _rotate(self) -> None:
        if not self._renamed.exists():
            if self._offset < ROTATE_BYTES:
                return
            self._path.rename(self._renamed)
        # Asked again at every look until the new file is there: Envoy may not have answered, or have nothing to write.
        with contextlib.suppress(AdminUnreachable):
            await self._reopen()
