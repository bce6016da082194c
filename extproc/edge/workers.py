"""The pool of worker processes: one per core, each spawned by exec on a socket of its own, restarted when it dies.

Exec, not fork: forking after gRPC has started is unsafe. A fresh socket path per generation: gRPC unlinks its path
when it stops, and an old worker that ends late would otherwise delete its successor's socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.edge import logs
from extproc.edge.worker import READY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A worker imports gRPC, RE2 and botocore and compiles the patterns: under a second, on a busy machine several.
START_SECONDS = 60.0
# Between two starts of a worker that keeps dying, doubling.
BACKOFF_SECONDS = (0.05, 5.0)


class WorkerNotStarted(Exception):
    """A worker ended, or said nothing, before it was ready; what it had to say is on standard error."""


@dataclass(slots=True)
class Worker:
    """One running worker process and where it listens."""

    index: int
    process: asyncio.subprocess.Process
    socket: str
    retiring: bool = False


class WorkerPool:
    """Keeps `count` workers running and tells `on_change` the sockets of those that are ready, whenever they change.

    `command(socket, writer)` is the argument vector of one worker.
    """

    def __init__(
        self,
        command: Callable[[str, str], list[str]],
        count: int,
        directory: Path,
        on_change: Callable[[tuple[str, ...]], None],
    ) -> None:
        self._command = command
        self._count = count
        self._directory = directory
        self._on_change = on_change
        self._generation = 0
        self._workers: dict[int, Worker] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def sockets(self) -> tuple[str, ...]:
        """The sockets of the workers that take exchanges now."""
        return tuple(self._workers[index].socket for index in sorted(self._workers))

    @property
    def processes(self) -> tuple[int, ...]:
        """Their process ids."""
        return tuple(self._workers[index].process.pid for index in sorted(self._workers))

    async def start(self) -> None:
        """Start every worker and wait until all are ready.

        Raises:
            WorkerNotStarted: one of them did not come up.
        """
        self._adopt(await self._spawn_all())

    async def replace(self) -> tuple[Worker, ...]:
        """Start a new generation, put it in the place of the old one, and give the old one back to be retired.

        Raises:
            WorkerNotStarted: the new generation did not come up; the old one goes on.
        """
        fresh = await self._spawn_all()
        old = tuple(self._workers.values())
        for worker in old:
            worker.retiring = True
        self._adopt(fresh)
        return old

    async def stop(self, workers: tuple[Worker, ...] | None = None, *, number: int = signal.SIGINT) -> None:
        """End `workers` (all by default) once their open exchanges have ended. SIGINT: Envoy sends them nothing new."""
        if workers is None:
            self._stopping = True
            workers = tuple(self._workers.values())
        for worker in workers:
            worker.retiring = True
            with contextlib.suppress(ProcessLookupError):
                worker.process.send_signal(number)
        await asyncio.gather(*(worker.process.wait() for worker in workers))

    def kill(self) -> None:
        """End everything at once: the last resort."""
        self._stopping = True
        for worker in self._workers.values():
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()

    def _adopt(self, workers: list[Worker]) -> None:
        for worker in workers:
            self._workers[worker.index] = worker
            watcher = asyncio.create_task(self._watch(worker), name=f"worker {worker.index}")
            self._watchers.add(watcher)
            watcher.add_done_callback(self._watchers.discard)
        self._on_change(self.sockets)

    async def _spawn_all(self) -> list[Worker]:
        self._generation += 1
        starting = (self._spawn(index) for index in range(self._count))
        started = await asyncio.gather(*starting, return_exceptions=True)
        failures = [each for each in started if isinstance(each, BaseException)]
        workers = [each for each in started if isinstance(each, Worker)]
        if failures:
            for worker in workers:
                worker.process.kill()
            raise failures[0]
        return workers

    async def _spawn(self, index: int) -> Worker:
        socket = str(self._directory / f"w{index}.{self._generation}.sock")
        process = await asyncio.create_subprocess_exec(
            *self._command(f"unix:{socket}", f"w{index}.{self._generation}"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            # Its own session: Ctrl-C reaches the supervisor only, which then drains in order.
            start_new_session=True,
        )
        try:
            output = process.stdout
            line = await asyncio.wait_for(output.readline(), START_SECONDS) if output else b""
        except TimeoutError:
            line = b""
        except asyncio.CancelledError:
            process.kill()
            raise
        if line.decode(errors="replace").strip() != READY:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            status = await process.wait()
            raise WorkerNotStarted(f"worker {index} did not start (exit status {status})")
        return Worker(index, process, socket)

    async def _watch(self, worker: Worker) -> None:
        status = await worker.process.wait()
        if worker.retiring or self._stopping:
            return
        logs.get().error("worker died, starting another", worker=worker.index, status=status)
        del self._workers[worker.index]
        # Its socket leaves the assignment at once; requests go to the others, or get a 503, until it is replaced.
        self._on_change(self.sockets)
        wait, longest = BACKOFF_SECONDS
        while not self._stopping:
            self._generation += 1
            try:
                self._adopt([await self._spawn(worker.index)])
            except WorkerNotStarted as error:
                logs.get().error("worker not started", worker=worker.index, error=str(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, longest)
            else:
                return
