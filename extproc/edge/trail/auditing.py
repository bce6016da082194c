"""Everything of one process that has to do with the audit: its trail, its keys, and the keeping of the trail."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from extproc import __version__
from extproc.audit.body import NONCE_BYTES, cipher
from extproc.audit.evidence import EvidenceSettings
from extproc.edge.trail import keys
from extproc.edge.trail.keys import KeyUnusable
from extproc.edge.trail.meter import Meter
from extproc.edge.trail.writer import Trail
from extproc.metrics.families import SINK_BACKLOG, SINK_FAILURES, SINK_LAG, UNWRITABLE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extproc.config.runtime import AuditSettings, Runtime
    from extproc.edge.trail.keeper import TrailKeeper
    from extproc.edge.trail.sinks.sink import Sink
    from extproc.metrics.tally import Tally

# How often a worker looks whether its supervisor has found the trail down.
LOOK_SECONDS = 0.5


class Auditing:
    """Made from a configuration; `writer` names this process's chain, `supervisor` is the chain of who keeps the trail.

    What the trail counts goes into `tally`. Without a supervisor the process keeps the trail itself. `down` is the
    file by which a supervisor tells its workers that the trail does not work as a whole.

    Raises:
        KeyUnusable: a key, or what a sink needs, cannot be had.
    """

    def __init__(
        self,
        runtime: Runtime,
        writer: str,
        environ: Mapping[str, str],
        *,
        tally: Tally | None = None,
        supervisor: str = "",
        down: Path | None = None,
    ) -> None:
        settings = runtime.audit
        self.evidence = EvidenceSettings(
            principal_header=settings.principal_header,
            client_headers=settings.client_headers,
            hash_key=keys.secret(settings.hash_key, environ, "hash_key"),
            capture=settings.capture,
            capture_bytes=settings.capture_bytes,
            encryption_key=keys.secret(settings.encryption_key, environ, "encryption_key"),
            nonce=_nonce,
        )
        if self.evidence.encryption_key is not None:
            # Loaded here, where nobody waits for it.
            cipher(self.evidence.encryption_key)
        header: dict[str, object] = {
            "version": __version__,
            "retention_days": settings.retention_days,
            "immutable": settings.immutable,
            "log_all_access": settings.log_all_access,
            "config": runtime.named,
        }
        # A supervisor whose own trail is down has no chain yet, only its name.
        if "." in supervisor:
            header["supervisor"] = supervisor
        self.trail = Trail(
            settings,
            writer,
            header,
            voucher=keys.voucher(settings.signing_key, environ),
            meter=Meter(tally) if settings.enabled else None,
            down=_Sign(down) if supervisor and down is not None else self._down,
        )
        # Who has a supervisor leaves the keeping to it.
        self._keeper: TrailKeeper | None = None
        if settings.enabled and settings.path is not None and not supervisor:
            # What delivers the trail (urllib3, the sinks) is only for who keeps it: 3 MiB.
            from extproc.edge.trail.keeper import TrailKeeper  # noqa: PLC0415 - see above

            self._keeper = TrailKeeper(settings, settings.path, self.trail, _sinks(settings, environ), down)

    async def open(self) -> None:
        """Open the trail for writing, and begin to keep it."""
        await asyncio.to_thread(self.trail.start)
        if self._keeper is not None:
            self._keeper.start()

    async def close(self) -> None:
        """End the keeping, if it was begun, and the trail, once everybody whose trail it is has ended."""
        if self._keeper is not None:
            await self._keeper.stop()
        await asyncio.to_thread(self.trail.close)
        if self._keeper is not None:
            await self._keeper.deliver()

    def look(self, tally: Tally) -> None:
        """Put what is known of the sinks at the moment into a fresh tally."""
        if self._down():
            # By a required sink that is too far behind, say.
            tally.set(UNWRITABLE, 1)
        for sink in () if self._keeper is None else self._keeper.sinks:
            tally.set(SINK_LAG, sink.lag_seconds, sink.name)
            tally.set(SINK_BACKLOG, sink.backlog_bytes, sink.name)
            tally.set(SINK_FAILURES, sink.consecutive_failures, sink.name)

    def _down(self) -> bool:
        return self._keeper is not None and self._keeper.down


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


def _sinks(settings: AuditSettings, environ: Mapping[str, str]) -> tuple[Sink, ...]:
    from extproc.edge.trail.sinks import build_sinks  # noqa: PLC0415 - as for the keeper
    from extproc.edge.trail.sinks.sink import Unusable  # noqa: PLC0415 - the same

    try:
        return build_sinks(settings.sinks, environ)
    except Unusable as error:
        raise KeyUnusable(str(error)) from None


def _nonce() -> bytes:
    return os.urandom(NONCE_BYTES)
