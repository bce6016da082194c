"""`kt gateway run`: one Envoy, one worker per core, and a supervisor that keeps, drains and reloads them.

The supervisor is on no request's path: while it is busy, or dead, exchanges go on between Envoy and the workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from extproc.config.load import ConfigurationError, load_runtime
from extproc.edge import logs
from extproc.edge.audit import AuditTrail
from extproc.edge.envoy import EnvoyFailed, EnvoyProcess
from extproc.edge.unaudited import UnauditedLog
from extproc.edge.workers import WorkerNotStarted, WorkerPool
from extproc.render.envoy import dynamic, endpoints
from extproc.render.settings import Address, Settings

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from extproc.config.runtime import Runtime
    from extproc.routing.targets import Target

# How often the configuration file is looked at for a change (its content, so that a ConfigMap's symlinks work too).
WATCH_SECONDS = 2.0
READY_POLL_SECONDS = 0.1
# Where a trap listener may be put when nothing else is said: port 0 is not possible in a static document.
CA_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What the command line says. `workers` and `drain_seconds` are a count and seconds."""

    listen: Address
    policy_config: Path
    envoy: Path
    workers: int
    fail_open: bool = False
    drain_seconds: float = 600.0


class Gateway:
    """The supervisor of one gateway."""

    def __init__(self, settings: GatewaySettings, directory: Path) -> None:
        self._settings = settings
        self._directory = directory
        self._loaded = self._load()
        self._pool = WorkerPool(self._worker_command, settings.workers, directory, self._on_workers)
        self._envoy = EnvoyProcess(settings.envoy, directory, directory / "admin.sock", on_exit=self._on_envoy_exit)
        audit = self._loaded[1].audit
        self._trail = AuditTrail(audit.path if audit.enabled else None, "gateway")
        self._unaudited = UnauditedLog(directory / "access.log", self._trail, _named(self._loaded[1]))
        self._trap = Address(host="127.0.0.1", port=_free_port())
        self._reloading = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._running = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Start everything, serve until SIGTERM or SIGINT, drain; returns the exit status.

        Raises:
            WorkerNotStarted, EnvoyFailed: the gateway did not come up.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._reload("SIGHUP")))
        try:
            await self._pool.start()
            await self._envoy.start(self._documents(self._loaded[1].targets))
            await self._envoy.wait_ready()
            self._running = True
            self._unaudited.start()
            self._spawn(self._announce())
            self._spawn(self._watch())
            await self._stopping.wait()
            return await self._stop()
        finally:
            self._running = False
            for task in self._tasks:
                task.cancel()
            await self._envoy.stop()
            self._pool.kill()

    async def _stop(self) -> int:
        logs.get().info("draining", seconds=self._settings.drain_seconds)
        self._running = False
        complete = await self._envoy.drain(self._settings.drain_seconds)
        if not complete:
            logs.get().warning("answers were still open when the drain time ended")
        await self._envoy.stop()
        await self._pool.stop()
        # Envoy has flushed its log by now.
        await self._unaudited.stop()
        self._trail.close()
        logs.get().info("stopped")
        return 0

    async def _announce(self) -> None:
        """Say once, in one line, that requests are served; and if they cannot be, say why and keep looking."""
        told = ""
        while True:
            status, faults = await asyncio.to_thread(_readyz, self._settings.listen)
            if status == 200:
                break
            if faults != told:
                logs.get().warning("not ready yet", faults=faults)
                told = faults
            await asyncio.sleep(READY_POLL_SECONDS)
        address = self._settings.listen
        logs.get().info(
            f"kt gateway ready on {address.host}:{address.port}",
            config=self._loaded[1].pack.name,
            workers=self._settings.workers,
            envoy=self._envoy.pid,
        )

    # Reload: the new configuration is loaded and checked whole; nothing changes when it is refused.

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            with contextlib.suppress(OSError):
                if await asyncio.to_thread(self._settings.policy_config.read_bytes) != self._loaded[0]:
                    await self._reload("the file changed")

    async def _reload(self, why: str) -> None:
        async with self._reloading:
            try:
                content, runtime = await asyncio.to_thread(self._load)
            except (ConfigurationError, OSError) as error:
                # Remembered, so that the same bad file is reported once and not every two seconds.
                with contextlib.suppress(OSError):
                    self._loaded = (self._settings.policy_config.read_bytes(), self._loaded[1])
                logs.get().error("configuration refused, the old one stays", why=why, problems=str(error))
                return
            try:
                await self._switch(runtime)
            except (EnvoyFailed, WorkerNotStarted) as error:
                logs.get().error("reload failed, the old configuration stays", why=why, error=str(error))
                return
            self._loaded = (content, runtime)
            logs.get().info("configuration reloaded", why=why, pack=f"{runtime.pack.name}@{runtime.pack.version}")

    async def _switch(self, runtime: Runtime) -> None:
        """Bring in new targets, then new workers that plan with them, then let the old of both go."""
        old_targets = self._loaded[1].targets
        fresh = {target.id for target in runtime.targets}
        both = (*runtime.targets, *(target for target in old_targets if target.id not in fresh))
        await self._envoy.replace(self._documents(both, runtime))
        try:
            retired = await self._pool.replace()
        except WorkerNotStarted:
            await self._envoy.replace(self._documents(old_targets))
            raise
        # Exchanges keep the configuration they started with: the old workers end when their last one has.
        self._spawn(self._retire(retired, runtime))

    async def _retire(self, retired: tuple[object, ...], runtime: Runtime) -> None:
        await self._pool.stop(retired, number=signal.SIGTERM)  # type: ignore[arg-type]  # Worker, as replace() gave them
        async with self._reloading:
            if self._loaded[1] is runtime and self._running:
                with contextlib.suppress(EnvoyFailed):
                    await self._envoy.replace(self._documents(runtime.targets))

    # Children.

    def _worker_command(self, address: str, writer: str) -> list[str]:
        settings = self._settings
        return [
            *(sys.executable, "-m", "extproc", "extproc", "serve"),
            *("--policy-config", str(settings.policy_config)),
            *("--listen", address),
            *("--fail-mode", "allow" if settings.fail_open else "block"),
            *("--writer", writer),
            *("--drain-seconds", str(settings.drain_seconds)),
            *("--parent", str(os.getpid())),
        ]

    def _on_workers(self, sockets: tuple[str, ...]) -> None:
        if self._running:
            self._spawn(self._reassign(sockets))

    async def _reassign(self, sockets: tuple[str, ...]) -> None:
        try:
            await self._envoy.replace({"eds.json": endpoints(tuple(Address(path=each) for each in sockets))})
        except EnvoyFailed as error:
            logs.get().error("Envoy did not take the new workers", error=str(error))

    def _on_envoy_exit(self, status: int) -> None:
        if self._stopping.is_set():
            return
        logs.get().error("Envoy ended, starting it again", status=status)
        self._spawn(self._restart_envoy())

    async def _restart_envoy(self) -> None:
        wait = 0.1
        while not self._stopping.is_set():
            try:
                await self._envoy.start(self._documents(self._loaded[1].targets))
                await self._envoy.wait_ready()
            except EnvoyFailed as error:
                logs.get().error("Envoy did not start", error=str(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)
            else:
                return

    def _documents(self, targets: tuple[Target, ...], runtime: Runtime | None = None) -> dict[str, dict[str, object]]:
        runtime = runtime or self._loaded[1]
        settings = Settings(
            listen=self._settings.listen,
            workers=tuple(Address(path=socket) for socket in self._pool.sockets),
            trap=self._trap,
            admin=Address(path=str(self._directory / "admin.sock")),
            access_log=str(self._directory / "access.log"),
            ca_file=next((path for path in CA_FILES if Path(path).exists()), CA_FILES[0]),
        )
        return dynamic(settings, targets, runtime.limits, str(self._directory))

    def _load(self) -> tuple[bytes, Runtime]:
        path = self._settings.policy_config
        content = path.read_bytes()
        return content, load_runtime(path, environ=os.environ, fail_open=self._settings.fail_open)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def run(settings: GatewaySettings) -> int:
    """Run a gateway in a private directory of its own (sockets, rendered documents, logs), removed at the end."""
    # Short: a Unix socket's path holds at most 107 bytes (sockaddr_un).
    directory = Path(tempfile.mkdtemp(prefix="kt-"))
    try:
        return await Gateway(settings, directory).run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _named(runtime: Runtime) -> dict[str, str]:
    return {"pack": f"{runtime.pack.name}@{runtime.pack.version}", "hash": runtime.config_hash}


def _readyz(listen: Address) -> tuple[int, str]:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)  # noqa: S104 - the other way round
    host = f"[{host}]" if ":" in host else host
    try:
        with urllib.request.urlopen(f"http://{host}:{listen.port}/readyz", timeout=5) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with contextlib.suppress(ValueError):
            body = orjson.loads(error.read())
            return error.code, "; ".join(body.get("faults", ())) or body.get("error", {}).get("message", "")
        return error.code, ""
    except OSError as error:
        return 0, str(error)


def _free_port() -> int:
    import socket  # noqa: PLC0415 - only here

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
