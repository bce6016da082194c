"""The Envoy that a gateway runs beside its workers: start, readiness, new configuration, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from extproc.edge.envoy_admin import AdminUnreachable, ask, stats
from extproc.render.envoy import to_json
from extproc.render.listener import NAME as LISTENER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

# Becomes Envoy: first asks the kernel to end it when the supervisor dies in whatever way (an orphan would go on taking
# its share of the port's connections, with no worker behind it), and takes all the file descriptors it may have.
# A child is never started through preexec_fn: that is unsafe beside threads (subprocess documentation).
_BECOME_ENVOY = """
import ctypes, os, resource, signal, sys
parent = int(sys.argv[1])
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != parent:
    sys.exit(1)
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
os.execv(sys.argv[2], sys.argv[2:])
"""

# Whose statistics tell of all listeners.
MANAGER = "listener_manager"
# The order in which watched files are replaced: what is referred to comes before what refers to it.
ORDER = ("eds.json", "cds.json", "lds.json", "rds.json")
# Text read-outs that repeat `version_info` of the last document that Envoy took.
VERSIONS = {
    "cds.json": "cluster_manager.cds.version_text",
    "lds.json": "listener_manager.lds.version_text",
    "rds.json": "http.kt.rds.kt.version_text",
    "eds.json": "cluster.kt.workers.version_text",
}


# An entry of Envoy's log, which may span lines: its time, thread, level, then what is captured.
_COMPLAINT = re.compile(r"^\[[^]]*\]\[\d+\]\[(?:warning|error|critical)\](.*(?:\n(?!\[\d{4}-).*)*)", re.MULTILINE)


class EnvoyFailed(Exception):
    """Envoy did not start, ended, or refused a configuration; the message ends with its own last words."""


def write_documents(directory: Path, documents: Mapping[str, dict[str, Any]]) -> None:
    """Put rendered documents into `directory`, each by renaming: Envoy reads a watched file when it is moved there."""
    names = [*(name for name in documents if name not in ORDER), *(name for name in ORDER if name in documents)]
    for name in names:
        fresh = directory / f".{name}.new"
        fresh.write_text(to_json(documents[name]), encoding="utf-8")
        fresh.replace(directory / name)


class EnvoyProcess:
    """One Envoy child.

    Args:
        binary: see `envoy_binary.find_envoy`.
        directory: private, holds the rendered documents, envoy.log and whatever the bootstrap names.
        admin: the Unix socket that the bootstrap names.
        concurrency: worker threads.
        on_exit: called with the exit status when Envoy ends without having been asked to.
    """

    def __init__(
        self,
        binary: Path,
        directory: Path,
        admin: Path,
        *,
        concurrency: int,
        log_level: str = "warning",
        on_exit: Callable[[int], None] | None = None,
    ) -> None:
        self._binary = binary
        self._directory = directory
        self._admin = admin
        self._concurrency = concurrency
        self._log_level = log_level
        self._on_exit = on_exit
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The process's id, None before start."""
        return None if self._process is None else self._process.pid

    @property
    def log(self) -> Path:
        """Where Envoy's own log goes."""
        return self._directory / "envoy.log"

    async def start(self, documents: Mapping[str, dict[str, Any]]) -> None:
        """Write the documents and start Envoy from bootstrap.json. Returns at once; see `wait_ready`."""
        write_documents(self._directory, documents)
        with contextlib.suppress(FileNotFoundError):
            self._admin.unlink()
        arguments = [str(self._binary), "-c", str(self._directory / "bootstrap.json")]
        # Two Envoys of one machine share a base id, and the second fails on it, unless neither takes part.
        arguments += ["--disable-hot-restart", "--log-level", self._log_level, "--log-path", str(self.log)]
        # Access log lines are read by the supervisor to audit what no worker saw; 10 s by default.
        arguments += ["--file-flush-interval-msec", "200"]
        arguments += ["--concurrency", str(self._concurrency)]
        self._stopping = False
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", "-c", _BECOME_ENVOY, str(os.getpid()), *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            # Its own session: Ctrl-C reaches the supervisor only, which lets open answers end first.
            start_new_session=True,
        )
        self._watch = asyncio.create_task(self._wait_for_exit(self._process))

    async def _wait_for_exit(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        if not self._stopping and self._on_exit is not None:
            self._on_exit(status)

    async def wait_ready(self, within: float = 30.0) -> None:
        """Until the listener takes connections: Envoy calls itself live even when the port is taken.

        Raises:
            EnvoyFailed: it ended, refused its configuration, or took longer than `within` seconds.
        """
        await self._until(self._listening, "did not start", within)

    async def _listening(self) -> bool:
        await ask(self._admin, "GET", "/ready")
        names = (line.split("::")[0] for line in (await ask(self._admin, "GET", "/listeners")).splitlines())
        return LISTENER in names

    async def replace(self, documents: Mapping[str, dict[str, Any]], within: float = 10.0) -> None:
        """Give a running Envoy new documents (not the bootstrap); wait until it uses them. Exchanges in flight go on.

        Raises:
            EnvoyFailed: it refused one (and goes on with what it had), or took longer than `within` seconds.
            AdminUnreachable: it does not answer.
        """
        watched = {name: document for name, document in documents.items() if name in ORDER}
        before, complaints = await stats(self._admin, "update_rejected$"), len(self._complaints())
        write_documents(self._directory, watched)

        async def taken() -> bool:
            told = await stats(self._admin, "(version_text|update_rejected)$")
            if any(told.get(name) != count for name, count in before.items()):
                # It counts before it complains, and writes its log from another thread.
                for _ in range(50):
                    if len(self._complaints()) > complaints:
                        break
                    await asyncio.sleep(0.02)
                raise EnvoyFailed(f"Envoy refused the new configuration{self._last_words()}")
            return all(told.get(VERSIONS[name]) == document["version_info"] for name, document in watched.items())

        await self._until(taken, "did not take the new configuration", within)

    async def _until(self, condition: Callable[[], Awaitable[bool]], failure: str, within: float) -> None:
        try:
            async with asyncio.timeout(within):
                while not await self._holds(condition, failure):  # noqa: ASYNC110 - another process has to be polled
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise EnvoyFailed(f"Envoy {failure} within {within:g} s{self._last_words()}") from error

    async def _holds(self, condition: Callable[[], Awaitable[bool]], failure: str) -> bool:
        if self._process is None or self._process.returncode is not None:
            raise EnvoyFailed(f"Envoy {failure}{self._last_words()}")
        try:
            return await condition()
        except AdminUnreachable:
            return False

    def _complaints(self) -> list[str]:
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return [entry.strip() for entry in _COMPLAINT.findall(text)]

    def _last_words(self) -> str:
        said = self._complaints()
        if not said:
            return f" (see {self.log})" if self.log.exists() else ""
        # A refused document is quoted in the middle, with the reason after it.
        return f": {said[-1]}" if len(said[-1]) < 600 else f": {said[-1][:200]} […] {said[-1][-400:]}"

    async def active_requests(self) -> int:
        """Exchanges in flight on the clients' listener.

        Raises:
            AdminUnreachable: Envoy does not answer.
        """
        name = f"http.{LISTENER}.downstream_rq_active"
        return int((await stats(self._admin, f"^{name}$")).get(name, "0"))

    async def metrics(self) -> bytes:
        """All that Envoy has counted, in the Prometheus text format, but for what is still 0.

        Raises:
            AdminUnreachable: Envoy does not answer.
        """
        return (await ask(self._admin, "GET", "/stats/prometheus?usedonly")).encode()

    async def drain(self, seconds: float, *, grace: float = 0.0) -> bool:
        """Fail /healthz, take no new connections after `grace` seconds, then wait for what is in flight.

        Answers carry `connection: close` from the start. False: something was still in flight after `seconds`.
        """
        try:
            await ask(self._admin, "POST", "/healthcheck/fail")
            await asyncio.sleep(grace)
            await ask(self._admin, "POST", "/drain_listeners")
            async with asyncio.timeout(seconds):
                # Envoy offers no event for either.
                while not await self._closed():  # noqa: ASYNC110 - a statistic has to be polled
                    await asyncio.sleep(0.01)
                while await self.active_requests():  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.05)
        except TimeoutError:
            return False
        except AdminUnreachable:
            # It is gone, and with it everything that was in flight.
            return True
        return True

    async def _closed(self) -> bool:
        """Whether its ports are closed: it answers before its threads have stopped listening, one after the other."""
        found = await stats(self._admin, rf"^{MANAGER}\.(listener_stopped|total_listeners_active)$")
        return int(found.get(f"{MANAGER}.listener_stopped", "0")) >= int(
            found.get(f"{MANAGER}.total_listeners_active", "0")
        )

    async def stop(self, patience: float = 5.0) -> int:
        """End the process: at once, or by force after `patience` seconds. Returns its exit status."""
        self._stopping = True
        if self._process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(patience):
                status = await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            status = await self._process.wait()
        if self._watch is not None:
            await self._watch
        return status
