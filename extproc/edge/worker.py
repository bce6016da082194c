"""One worker process: serves ext_proc on one address, drains on SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from google.protobuf.internal import api_implementation

from extproc.edge import gauges, logs, memory, observations, server, signer
from extproc.edge.credentials import CredentialKeeper
from extproc.edge.metrics import Publisher, exposition
from extproc.edge.trail.auditing import Auditing
from extproc.metrics.families import CREDENTIALS, OPEN
from extproc.metrics.tally import Tally
from extproc.metrics.traffic import Traffic
from extproc.policies.verdict import Phase, Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from extproc.config.runtime import Runtime
    from extproc.render.settings import Address

# Envoy asks every second; after two looks it has seen NOT_SERVING and sends nothing new.
HEALTH_SECONDS = 2.5
# How long a new worker waits for its first credentials.
CREDENTIAL_SECONDS = 5.0
READY = "ready"
# For handlers that were cancelled.
CLOSING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """`address` is "unix:/path" or "host:port"; `writer` names this worker's audit file; seconds for the drain.

    `ticket_key` is a file with the secret that the workers behind one Envoy share; without one, each has its own.
    `transport` is one of server.TRANSPORTS.
    `observations` is the directory by which they share what they see of the targets; without one, each sees its own.
    `supervisor` is the audit chain of the supervisor, which keeps the trail; without one this worker keeps it itself.
    `audit_down` is a file that is there while the supervisor finds that the trail does not work as a whole.
    `counts` is the directory by which the supervisor is told what is counted; `metrics` is where to serve it oneself.
    With `spans` Envoy is told what its spans are to say.
    """

    address: str
    writer: str = "w0"
    drain_seconds: float = 600.0
    ticket_key: Path | None = None
    observations: Path | None = None
    supervisor: str = ""
    audit_down: Path | None = None
    transport: str = "h2"
    counts: Path | None = None
    metrics: Address | None = None
    spans: bool = False


async def serve(runtime: Runtime, settings: WorkerSettings) -> int:
    """Serve until SIGTERM or SIGINT, then let open exchanges end; returns the exit status.

    SIGTERM leaves Envoy the time to see that this worker takes nothing new; SIGINT says that Envoy already knows.
    Prints `ready` on standard output once exchanges are taken: how the supervisor knows.

    Raises:
        KeyUnusable: a key of the audit trail cannot be had.
        OSError: nobody can listen on the address, or the key for tickets cannot be had.
    """
    if api_implementation.Type() != "upb":
        logs.get().warning("protobuf runs without its C core: a hundred times slower", found=api_implementation.Type())
    tally = Tally()
    auditing = Auditing(
        runtime, settings.writer, os.environ, tally=tally, supervisor=settings.supervisor, down=settings.audit_down
    )
    await auditing.open()
    keeper = CredentialKeeper((target.identity for target in runtime.targets), os.environ)
    tickets = signer.tickets(settings.ticket_key)
    # Its file is given up with the process: handlers that are being cancelled write to it to the last.
    ledger, _ = observations.open_ledger(runtime, settings.observations)
    processor = server.ExternalProcessor(
        lambda: runtime,
        keeper,
        auditing.trail,
        tickets,
        ledger,
        evidence=auditing.evidence,
        traffic=Traffic(tally, runtime.targets, runtime.by_model),
        spans=settings.spans,
    )

    def look() -> None:
        tally.set(OPEN, processor.open)
        for target in runtime.targets:
            tally.set(CREDENTIALS, target.identity in keeper.snapshot, target.id)

    def look_alone(now: Tally) -> None:
        # What a supervisor tells where there is one.
        look()
        gauges.configured(now, runtime)
        auditing.look(now)

    publisher = Publisher(tally, settings.counts, look)
    # Compiling a hold-back takes milliseconds, which the first stream would wait for.
    runtime.chain.window(Place(Phase.RESPONSE, "assistant"))
    transport = server.build(runtime, processor, settings.address, settings.transport)
    stopping: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop, stopping, number == signal.SIGTERM)
    renewing = asyncio.create_task(keeper.start())
    # A moment for the credentials: a worker that takes requests before it can sign them would refuse its first ones.
    # When none come, it serves all the same: each request gets a clear 503, on the record.
    await asyncio.wait({renewing}, timeout=CREDENTIAL_SECONDS)
    memory.settle()
    publisher.start()
    async with _listener(settings.metrics, tally, look_alone):
        await transport.start()
        await transport.set_serving(True)
        logs.get().info(
            f"Loaded declarative config {runtime.pack.name}@{runtime.pack.version}",
            address=settings.address,
            pid=os.getpid(),
        )
        sys.stdout.write(READY + "\n")
        sys.stdout.flush()
        announce = await stopping
        await transport.set_serving(False)
        if announce:
            await asyncio.sleep(HEALTH_SECONDS)
        await transport.stop(settings.drain_seconds)
    # Handlers that were cut off at last still have their own end to come to, and a record to write.
    end = time.monotonic() + CLOSING_SECONDS
    while processor.open and time.monotonic() < end:  # noqa: ASYNC110 - it tells nobody when it changes
        await asyncio.sleep(0.01)
    renewing.cancel()
    await keeper.stop()
    await auditing.close()
    await publisher.stop()
    return 0


def _listener(
    address: Address | None, tally: Tally, look: Callable[[Tally], None]
) -> AbstractAsyncContextManager[object]:
    """Serves what is counted, while it is entered."""
    if address is None:
        return contextlib.nullcontext()
    # For those alone who ask for it: h11 takes memory.
    from extproc.edge.admin import METRICS  # noqa: PLC0415 - see above
    from extproc.edge.listener import Answer, Listener, Page  # noqa: PLC0415 - see above

    async def told() -> Answer:
        now = Tally()
        look(now)
        now.add(tally.snapshot())
        # Exchanges are not to wait for the text.
        return HTTPStatus.OK, await asyncio.to_thread(exposition, now)

    return Listener(address, {METRICS: Page(b"GET", told)})


def _stop(stopping: asyncio.Future[bool], announce: bool) -> None:
    if not stopping.done():
        stopping.set_result(announce)
