"""`kt gateway run`: one Envoy, one worker per core, and a supervisor that keeps, drains and reloads them.

The supervisor is on no request's path: while it is busy, or dead, exchanges go on between Envoy and the workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from extproc import __version__
from extproc.config.load import ConfigurationError, inspect
from extproc.edge import admin, gauges, listening, logs, snapshot
from extproc.edge.command import AUDIT_DOWN, METRICS, OBSERVATIONS, of_worker
from extproc.edge.envoy import EnvoyFailed
from extproc.edge.envoy_admin import AdminUnreachable
from extproc.edge.front import Front, Wanted, merged
from extproc.edge.listener import Listener
from extproc.edge.metrics import Totals, exposition
from extproc.edge.observations import Peers
from extproc.edge.run_directory import run_directory
from extproc.edge.trail.auditing import Auditing
from extproc.edge.trail.keys import KeyUnusable
from extproc.edge.unaudited import UnauditedLog
from extproc.edge.workers import Worker, WorkerNotStarted, WorkerPool
from extproc.metrics.families import RELOADS
from extproc.metrics.tally import Tally
from extproc.record import fault
from extproc.routing.report import report
from extproc.routing.row import key_of

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from pathlib import Path

    from extproc.config.runtime import Runtime
    from extproc.edge.command import GatewaySettings
    from extproc.edge.snapshot import Content, Snapshot
    from extproc.routing.targets import Target

# How often the configuration file is looked at for a change (its content, so that a ConfigMap's symlinks work too).
WATCH_SECONDS = 2.0
SETTLE_SECONDS = 0.2
READY_POLL_SECONDS = 0.1
# What ends in its own time is given so much more before it is killed.
MARGIN_SECONDS = 10.0
# The supervisor's name among the trail's writers.
SUPERVISOR = "gateway"


class Gateway:
    """The supervisor of one gateway."""

    def __init__(self, settings: GatewaySettings, directory: Path) -> None:
        self._settings = settings
        self._directory = directory
        self._began = time.monotonic()
        self._copies = 0
        self._seen = self._read()
        self._accepted = self._take(self._seen)
        self._retiring: list[tuple[Target, ...]] = []
        self._pool = WorkerPool(settings.workers, directory, self._on_workers)
        wanted = Wanted(self._runtime.targets, self._runtime.limits)
        # Envoy has less to do than the workers, and of what it does fewer threads do more at a time: with one on two
        # cores an exchange costs it a fifth less than with two (measured).
        threads = (settings.workers + 1) // 2
        sockets, spans = (lambda: self._pool.sockets), settings.collector
        self._front = Front(
            settings.envoy, settings.listen, directory, sockets, wanted, threads=threads, collector=spans
        )
        self._tally = Tally()
        # From the start, so that the first one is seen as an increase.
        self._reloads = [self._tally.cell(RELOADS, result) for result in ("accepted", "refused")]
        self._totals = Totals(directory / METRICS)
        self._auditing = self._audit(self._runtime)
        self._unaudited = UnauditedLog(
            self._front.access_log, self._auditing.trail, self._runtime.named, self._front.reopen_logs, self._tally
        )
        self._reloading = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._hangup = asyncio.Event()
        self._failed = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def _runtime(self) -> Runtime:
        return self._accepted.runtime

    async def run(self) -> int:
        """Start everything, serve until SIGTERM or SIGINT, drain; a second signal ends the drain. The exit status.

        Raises:
            WorkerNotStarted, EnvoyFailed: the gateway did not come up.
            OSError: an address to listen on is taken.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, self._hangup.set)
        try:
            if not await self._unless_stopped(self._start()):
                logs.get().info("stopped before it was ready")
                return 0
            async with Listener(self._settings.admin, admin.pages(self)):
                self._unaudited.start()
                for work in (self._announce(), self._watch(), self._front.keep_running()):
                    self._spawn(work)
                telling = self._spawn(self._front.keep_told())
                await self._stopping.wait()
            # First of all: a reload or a restart in progress would bring back what is taken down here. But a worker
            # that dies and its successor are told to Envoy to the end.
            await self._cancel_tasks(but=telling)
            return await self._stop()
        finally:
            await self._cancel_tasks()
            await self._front.envoy.stop()
            await self._pool.close(0)
            await self._auditing.close()

    async def _start(self) -> None:
        listening.require_free(self._settings.listen, "--listen")
        if self._settings.admin is not None:
            listening.require_free(self._settings.admin, "--admin")
        logs.problems(self._accepted.problems, str(self._settings.policy_config))
        # Before the workers: their chains name the supervisor's.
        await self._auditing.open()
        self._pool.adopt(await self._pool.spawn(partial(self._worker_command, self._accepted.copy)))
        await self._front.start()

    async def _unless_stopped(self, work: Coroutine[object, object, None]) -> bool:
        """Do it; False when a signal came first, and it was given up."""
        doing, stopping = asyncio.create_task(work), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
            return False
        await doing
        return True

    async def _stop(self) -> int:
        logs.get().info("draining", seconds=self._settings.drain_seconds)
        draining = asyncio.create_task(self._front.envoy.drain(self._settings.drain_seconds))
        hurrying = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({draining, hurrying}, return_when=asyncio.FIRST_COMPLETED)
        if not (draining.done() and draining.result()):
            logs.get().warning("answers were still open when the drain ended")
        for task in (draining, hurrying):
            task.cancel()
        await self._cancel_tasks()
        await self._front.envoy.stop()
        # Without Envoy nothing can be open.
        await self._pool.close(MARGIN_SECONDS)
        # Envoy has flushed its log by now.
        await self._unaudited.stop()
        logs.get().info("stopped")
        return 1 if self._failed else 0

    async def _announce(self) -> None:
        """Say once, in one line, that requests are served; and if they cannot be, say why and keep looking."""
        told = ""
        while faults := await asyncio.to_thread(listening.faults, self._settings.listen):
            if faults != told:
                logs.get().warning("not ready yet", faults=faults)
                told = faults
            await asyncio.sleep(READY_POLL_SECONDS)
        address = self._settings.listen
        logs.get().info(
            f"kt gateway ready on {address.host}:{address.port}",
            config=self._runtime.pack.name,
            workers=self._settings.workers,
            envoy=self._front.envoy.pid,
        )

    # What the admin listener asks.

    async def health(self) -> tuple[str, dict[str, object]]:
        """healthy, degraded (requests are served, with fewer workers than there should be) or unhealthy, and why."""
        faults = await asyncio.to_thread(listening.faults, self._settings.listen)
        missing = self._settings.workers - self._pool.running
        status = "unhealthy" if faults else "degraded" if missing else "healthy"
        return status, {
            "status": status,
            "faults": [faults] if faults else [],
            "uptime_seconds": round(time.monotonic() - self._began, 3),
            "version": __version__,
            "policies_loaded": len(self._runtime.chain.policies),
            "workers": {"running": self._pool.running, "configured": self._settings.workers},
        }

    @property
    def runtime(self) -> Runtime:
        """The configuration in use."""
        return self._runtime

    def providers(self) -> dict[str, object]:
        """What the workers, those that are retiring too, know of the targets in use."""
        routing, now = self._runtime.routing, time.time()
        peers = Peers(self._directory / OBSERVATIONS, routing.window)
        try:
            return report(self._runtime.targets, routing, lambda target: peers.row(key_of(target), now), now)
        finally:
            peers.close()

    def metrics(self) -> bytes:
        """What the workers, past ones too, and the supervisor have counted."""
        now = Tally()
        running, wanted = self._pool.running, self._settings.workers
        gauges.look(now, self._runtime, self.providers(), running=running, wanted=wanted)
        self._auditing.look(now)
        return exposition(self._totals.sum(self._tally, now))

    async def envoy_metrics(self) -> bytes:
        """What Envoy has counted. Raises AdminUnreachable."""
        return await self._front.envoy.metrics()

    # Reload: the new configuration is loaded and checked whole; nothing changes when it is refused.

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hangup.wait(), WATCH_SECONDS)
            if self._hangup.is_set():
                self._hangup.clear()
                await self.reload("SIGHUP")
                continue
            with contextlib.suppress(OSError):
                await self._look()

    async def _look(self) -> None:
        content = await asyncio.to_thread(snapshot.read, self._settings.policy_config)
        if content.data == self._seen.data:
            return
        # It may be in the middle of being written: half a file can be a valid configuration too.
        await asyncio.sleep(SETTLE_SECONDS)
        if (await asyncio.to_thread(snapshot.read, self._settings.policy_config)).data != content.data:
            return
        if content.data == self._accepted.content.data:
            self._seen = content
            logs.get().info("the file holds the running configuration again")
        else:
            await self.reload("the file changed")

    async def reload(self, why: str) -> str:
        """Load the file as it is now and let it take over; "" or what is wrong with it, and the old one stays.

        A file that was refused is not tried again until it changes, or until somebody asks.
        """
        async with self._reloading:
            refusal = await self._reload(why)
        self._reloads[bool(refusal)][0] += 1
        return refusal

    async def _reload(self, why: str) -> str:
        try:
            self._seen = await asyncio.to_thread(self._read)
            fresh = await asyncio.to_thread(self._take, self._seen)
        except (ConfigurationError, OSError) as error:
            logs.get().error("configuration refused, the old one stays", why=why, problems=str(error))
            return str(error)
        logs.problems(fresh.problems, str(self._settings.policy_config))
        try:
            await self._switch(fresh)
        except (EnvoyFailed, AdminUnreachable, KeyUnusable, WorkerNotStarted, OSError) as error:
            fresh.discard()
            logs.get().error("reload failed, the old configuration stays", why=why, error=str(error))
            return str(error)
        pack = self._runtime.pack
        logs.get().info("configuration reloaded", why=why, pack=f"{pack.name}@{pack.version}")
        return ""

    async def _switch(self, fresh: Snapshot) -> None:
        """Start the new workers; add new targets; let new workers and changed targets take over; the old retire."""
        before, runtime, auditing = self._front.wanted, fresh.runtime, self._auditing
        if runtime.audit != self._runtime.audit:
            self._auditing = self._audit(runtime)
            await self._auditing.open()
        generation = None
        try:
            generation = await self._pool.spawn(partial(self._worker_command, fresh.copy))
            # Targets that only change stay as they are while workers plan and sign for the old ones.
            self._front.wanted = Wanted(merged(before.targets, runtime.targets), before.limits)
            await self._front.tell()
            self._front.wanted = Wanted(merged(runtime.targets, before.targets), runtime.limits)
            await self._front.tell(generation.sockets)
        except BaseException:
            self._front.wanted = before
            self._front.outdated()
            if generation is not None:
                await self._pool.stop(generation.workers, number=signal.SIGKILL, within=MARGIN_SECONDS)
            if self._auditing is not auditing:
                await self._auditing.close()
                self._auditing = auditing
            raise
        retired, old = self._pool.adopt(generation), self._accepted
        self._accepted = fresh
        self._unaudited.use(self._auditing.trail, runtime.named)
        old.discard()
        # Exchanges keep the configuration they started with: the old workers end when their last one has.
        self._retiring.append(old.runtime.targets)
        self._spawn(self._retire(retired, old.runtime.targets, auditing))

    async def _retire(self, retired: Sequence[Worker], targets: tuple[Target, ...], auditing: Auditing) -> None:
        within = self._settings.drain_seconds + MARGIN_SECONDS
        await self._pool.stop(retired, number=signal.SIGTERM, within=within)
        if auditing is not self._auditing:
            await auditing.close()
        async with self._reloading:
            self._retiring.remove(targets)
            self._front.wanted = Wanted(merged(self._runtime.targets, *self._retiring), self._runtime.limits)
        self._front.outdated()

    def _on_workers(self) -> None:
        self._totals.fold()
        self._front.outdated()

    def _on_stop(self) -> None:
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    # What children are given.

    def _worker_command(self, copy: Path, address: str, writer: str) -> list[str]:
        return of_worker(
            self._settings,
            self._directory,
            copy,
            address,
            writer,
            supervisor=self._auditing.trail.chain or SUPERVISOR,
        )

    def _audit(self, runtime: Runtime) -> Auditing:
        return Auditing(runtime, SUPERVISOR, os.environ, tally=self._tally, down=self._directory / AUDIT_DOWN)

    def _read(self) -> Content:
        try:
            return snapshot.read(self._settings.policy_config)
        except OSError:
            # Told as every other problem of the file is.
            path = self._settings.policy_config
            raise ConfigurationError(inspect(path).problems, str(path)) from None

    def _take(self, content: Content) -> Snapshot:
        self._copies += 1
        return snapshot.take(
            content,
            self._settings.policy_config,
            self._directory / f"policy-config.{self._copies}.yaml",
            environ=os.environ,
            fail_open=self._settings.fail_open,
        )

    # Tasks.

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task)
        return task

    def _on_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # A supervisor without one of its parts would look alive: its own supervisor does better with a new one.
            logs.get().error("a part of the supervisor failed; draining", fault=fault(error))
            self._failed = True
            self._stopping.set()

    async def _cancel_tasks(self, but: asyncio.Task[None] | None = None) -> None:
        tasks = self._tasks - {but}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run(settings: GatewaySettings) -> int:
    """Run a gateway in a private directory of its own (sockets, rendered documents, logs), removed at the end.

    Raises:
        ConfigurationError, KeyUnusable: the configuration cannot be used.
        WorkerNotStarted, EnvoyFailed, OSError: the gateway did not come up.
    """
    with run_directory() as directory:
        return await Gateway(settings, directory).run()
