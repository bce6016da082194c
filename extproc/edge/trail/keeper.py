"""Keeps a trail beside those who write it: checkpoints, reads that were made, removal in time, delivery elsewhere.

One for each gateway, in its supervisor; a worker without a supervisor has its own. Several in one directory do no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from extproc.audit import checkpoint, pruned
from extproc.edge import logs
from extproc.edge.trail import access, retention
from extproc.edge.trail.batch import AuditFailed
from extproc.edge.trail.heads import Heads
from extproc.edge.trail.shipper import Shipper
from extproc.record import fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from extproc.config.runtime import AuditSettings
    from extproc.edge.trail.delivery import Status
    from extproc.edge.trail.sinks.sink import Sink
    from extproc.edge.trail.writer import Trail

# Between two looks for what may be removed.
REMOVAL_SECONDS = 600.0
# What sinks are given at the end to take what they have not got yet.
DELIVERY_SECONDS = 10.0


class TrailKeeper:
    """Writes to `trail`, the keeper's own, what it sees of the others in the same directory, and feeds the sinks.

    `sign` is a file that is there while a required sink is too far behind: how workers know.
    """

    def __init__(
        self,
        settings: AuditSettings,
        directory: Path,
        trail: Trail,
        sinks: Sequence[Sink],
        sign: Path | None = None,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._trail = trail
        self._sign = sign
        self._heads = Heads(directory)
        self._shipper = Shipper(directory, sinks)
        self._task: asyncio.Task[None] | None = None
        self._removal = 0.0
        self._told = ""
        self.down = False

    @property
    def sinks(self) -> tuple[Status, ...]:
        """How each of them is doing."""
        return self._shipper.status()

    def start(self) -> None:
        """Look every `checkpoint_seconds` until `stop`."""
        self._shipper.start()
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

    async def deliver(self) -> None:
        """Let the sinks have what there is. Call it when the own trail is closed."""
        if late := await asyncio.to_thread(self._shipper.stop, DELIVERY_SECONDS):
            logs.get().warning(
                "audit sinks have not got everything; it stays on the trail for the next run", sinks=late
            )

    async def _keep(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(self._settings.checkpoint_seconds)

    async def _look(self) -> None:
        try:
            self._judge_sinks()
            changed = await asyncio.to_thread(self._heads.changed, self._trail.chain)
            if changed:
                await self._trail.commit(checkpoint.document(changed, time.time()))
            if self._settings.log_all_access:
                for path, document in await asyncio.to_thread(access.collect, self._directory):
                    await self._trail.commit(document)
                    path.unlink(missing_ok=True)
            await self._remove()
        except AuditFailed:
            # The heads will be told of again: whatever was not written.
            self._heads.forget()
        except OSError as error:
            self._tell(error.strerror or "input/output error")
        except Exception as error:  # noqa: BLE001 - a keeper that stops would be missed by nobody
            self._tell(fault(error))
        else:
            self._told = ""

    async def _remove(self) -> None:
        """Remove what is old enough, after the trail says so."""
        if time.monotonic() < self._removal:
            return
        self._removal = time.monotonic() + REMOVAL_SECONDS
        settings, now = self._settings, time.time()
        removed = await asyncio.to_thread(
            retention.plan,
            self._directory,
            now=now,
            retention_days=settings.retention_days,
            legal_hold=settings.legal_hold,
            delivered=self._shipper.delivered,
        )
        if removed:
            await self._trail.commit(pruned.document(removed, now))
            await asyncio.to_thread(retention.remove, self._directory, removed)
            logs.get().info("removed what is past its retention", segments=len(removed))

    def _judge_sinks(self) -> None:
        failed = self._shipper.failed
        if bool(failed) == self.down:
            return
        self.down = bool(failed)
        if failed:
            logs.get().error("required audit sinks are too far behind", sinks=failed)
        else:
            logs.get().info("audit sinks have caught up")
        if self._sign is not None:
            if failed:
                self._sign.touch()
            else:
                self._sign.unlink(missing_ok=True)

    def _tell(self, why: str) -> None:
        if why != self._told:
            logs.get().error("the audit trail cannot be looked at", error=why)
            self._told = why
