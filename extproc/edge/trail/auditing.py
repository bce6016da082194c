"""Everything of one process that has to do with the audit: its trail, its keys, and the keeping of the trail."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from extproc import __version__
from extproc.audit.evidence import EvidenceSettings
from extproc.edge.trail import keys
from extproc.edge.trail.keeper import TrailKeeper
from extproc.edge.trail.writer import Trail

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extproc.config.runtime import Runtime

# How often a worker looks whether its supervisor has found the trail down.
LOOK_SECONDS = 0.5
NONCE_BYTES = 12


class Auditing:
    """Made from a configuration; `writer` names this process's chain, `supervisor` is the chain of who keeps the trail.

    Raises:
        KeyUnusable: a key that is configured cannot be had.
    """

    def __init__(
        self,
        runtime: Runtime,
        writer: str,
        environ: Mapping[str, str],
        *,
        supervisor: str = "",
        down: Path | None = None,
    ) -> None:
        # After metrics.share: what it imports decides then where it counts.
        from extproc.edge.trail.meter import Meter  # noqa: PLC0415 - see above

        settings = self.settings = runtime.audit
        self.evidence = EvidenceSettings(
            principal_header=settings.principal_header,
            client_headers=settings.client_headers,
            hash_key=keys.secret(settings.hash_key, environ, "hash_key"),
            capture=settings.capture,
            capture_bytes=settings.capture_bytes,
            encryption_key=keys.secret(settings.encryption_key, environ, "encryption_key"),
            nonce=_nonce,
        )
        self._voucher = keys.voucher(settings.signing_key, environ)
        header: dict[str, object] = {
            "version": __version__,
            "retention_days": settings.retention_days,
            "immutable": settings.immutable,
            "log_all_access": settings.log_all_access,
            "config": runtime.named,
        }
        if supervisor:
            header["supervisor"] = supervisor
        self.trail = Trail(
            settings,
            writer,
            header,
            voucher=self._voucher,
            meter=Meter() if settings.enabled else None,
            down=_Sign(down) if down is not None else _never,
        )
        self._keeper = TrailKeeper(settings, self.trail)

    async def open(self, *, keep: bool = True) -> None:
        """Open the trail for writing, and `keep` it as well."""
        await asyncio.to_thread(self.trail.start)
        if keep:
            self._keeper.start()

    async def close(self) -> None:
        """End the keeping, if it was begun, and the trail, once everybody whose trail it is has ended."""
        await self._keeper.stop()
        await asyncio.to_thread(self.trail.close)


class _Sign:
    """A file that is looked for now and then: there or not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked = 0.0
        self._there = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked, self._there = now, self._path.exists()
        return self._there


def _never() -> bool:
    return False


def _nonce() -> bytes:
    return os.urandom(NONCE_BYTES)
