"""Keeps a trail beside those who write it: checkpoints, reads that were made, and whether the whole of it still works.

One for each gateway, in its supervisor; a worker without a supervisor has its own. Several in one directory do no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from extproc.audit import checkpoint
from extproc.edge import logs
from extproc.edge.trail import access
from extproc.edge.trail.heads import Heads
from extproc.edge.trail.writer import AuditFailed
from extproc.record import fault

if TYPE_CHECKING:
    from extproc.config.runtime import AuditSettings
    from extproc.edge.trail.writer import Trail


class TrailKeeper:
    """Writes to `trail`, the keeper's own, what it sees of the others in the same directory."""

    def __init__(self, settings: AuditSettings, trail: Trail) -> None:
        self._settings = settings
        self._trail = trail
        self._heads = Heads(settings.path) if settings.enabled and settings.path is not None else None
        self._task: asyncio.Task[None] | None = None
        self._told = ""

    def start(self) -> None:
        """Look every `checkpoint_seconds` until `stop`."""
        if self._heads is not None:
            self._task = asyncio.create_task(self._keep(), name="audit keeper")

    async def stop(self) -> None:
        """Write the last checkpoint. Call it when the other writers have ended, before the own trail is closed."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await self._look()

    async def _keep(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(self._settings.checkpoint_seconds)

    async def _look(self) -> None:
        if self._heads is None or self._settings.path is None:
            return
        heads = self._heads
        try:
            changed = await asyncio.to_thread(heads.changed, self._trail.chain)
            if changed:
                await self._trail.commit(checkpoint.document(changed, time.time()))
            if self._settings.log_all_access:
                for path, document in await asyncio.to_thread(access.collect, self._settings.path):
                    await self._trail.commit(document)
                    path.unlink(missing_ok=True)
        except AuditFailed:
            # The heads will be told of again: whatever was not written.
            heads.forget()
        except OSError as error:
            self._tell(error.strerror or "input/output error")
        except Exception as error:  # noqa: BLE001 - a keeper that stops would be missed by nobody
            self._tell(fault(error))
        else:
            self._told = ""

    def _tell(self, why: str) -> None:
        if why != self._told:
            logs.get().error("the audit trail cannot be looked at", error=why)
            self._told = why
