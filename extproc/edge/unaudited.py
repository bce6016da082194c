"""Exchanges that no worker can have audited, from Envoy's own log: none goes unaudited, even with every worker down.

Envoy writes a line for each exchange that it refused before a worker saw it (a malformed request, say), for each that
ended because its worker died, and for each that broke off while a worker had it. This reads those lines and puts them
on the trail: the first two as the exchange's line, the last as an `ended` line beside the worker's, with the same
request id, which says who left and what the client was told.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import orjson

from extproc.edge import logs
from extproc.edge.audit import AuditFailed
from extproc.record import FAILED, REJECTED

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.edge.audit import AuditTrail

POLL_SECONDS = 0.25
_SERVER_FAULTS = 500
# The gRPC stream was lost (UNAVAILABLE): the worker died, and nobody else has the exchange.
_WORKER_LOST = "ext_proc_error_gRPC_error_14"


def document(line: dict[str, object], config: dict[str, str]) -> dict[str, object]:
    """The audit line of an exchange that Envoy ended by itself; `line` is one line of its access log."""
    status = line.get("status")
    status = status if isinstance(status, int) else 0
    details = str(line.get("details") or "")
    if line.get("claimed") and not details.startswith(_WORKER_LOST):
        return {
            "time": line.get("time"),
            "request_id": line.get("request_id"),
            "event": "ended",
            "status": status,
            "detail": f"{details} ({line.get('flags')})",
            "response_bytes": line.get("bytes_sent"),
            "latency_ms": {"total": line.get("duration_ms")},
        }
    return {
        "time": line.get("time"),
        "request_id": line.get("request_id"),
        "event": "exchange",
        "outcome": REJECTED if status and status < _SERVER_FAULTS else FAILED,
        "status": status,
        "verdict": "none",
        "method": line.get("method"),
        "path": line.get("path"),
        "source_address": line.get("peer"),
        "detail": f"ended by Envoy: {details} ({line.get('flags')})",
        "request_bytes": line.get("bytes_received"),
        "response_bytes": line.get("bytes_sent"),
        "latency_ms": {"total": line.get("duration_ms")},
        "config": config,
    }


class UnauditedLog:
    """Follows Envoy's access log and audits what it tells of."""

    def __init__(self, path: Path, trail: AuditTrail, config: dict[str, str]) -> None:
        self._path = path
        self._trail = trail
        self._config = config
        self._offset = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow until `stop`."""
        self._task = asyncio.create_task(self._follow(), name="unaudited")

    async def stop(self) -> None:
        """Read what is left, once, and stop. Call it after Envoy has ended: it flushes its log then."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self.read()

    def read(self) -> None:
        """Audit every whole line since the last call; a line that cannot be written is tried again next time."""
        try:
            with self._path.open("rb") as log:
                log.seek(self._offset)
                data = log.read()
        except FileNotFoundError:
            return
        for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
            try:
                told = orjson.loads(line)
            except ValueError:
                logs.get().error("a line of Envoy's access log is not JSON", length=len(line))
            else:
                try:
                    self._trail.write(document(told, self._config))
                except AuditFailed:
                    return
            self._offset += len(line)

    async def _follow(self) -> None:
        while True:
            self.read()
            await asyncio.sleep(POLL_SECONDS)
