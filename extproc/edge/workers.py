"""The pool of worker processes: one per core, each spawned by exec on a socket of its own, restarted when it dies.

Exec, not fork: forking after gRPC has started is unsafe. A fresh socket path per generation: gRPC unlinks its path
when it stops, and an old worker that ends late would otherwise delete its successor's socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.edge import logs
from extproc.edge.whole import whole
from extproc.edge.worker import READY

if TYPE_CHECKING:
    from pathlib import Path

# A worker imports gRPC, RE2 and botocore and compiles the patterns: under a second, on a busy machine several.
START_SECONDS = 60.0
# Between two starts of a worker that keeps dying, doubling.
BACKOFF_SECONDS = (0.05, 5.0)

# The argument vector of one worker, from its socket and its writer's name.
Command = Callable[[str, str], list[str]]


class WorkerNotStarted(Exception):
    """A worker ended, or said nothing, before it was ready; what it had to say is on standard error."""


@dataclass(slots=True, eq=False)
class Worker:
    """One running worker process and where it listens."""

    index: int
    process: Process
    socket: str
    retiring: bool = False


@dataclass(frozen=True, slots=True)
class Generation:
    """Workers that were started together, by one command."""

    command: Command
    workers: tuple[Worker, ...]

    @property
    def sockets(self) -> tuple[str, ...]:
        """Where they listen."""
        return tuple(worker.socket for worker in self.workers)


class WorkerPool:
    """Keeps `count` workers running and tells `on_change` whenever the sockets of those that are ready change."""

    def __init__(self, count: int, directory: Path, on_change: Callable[[], None]) -> None:
        self._count = count
        self._directory = directory
        self._on_change = on_change
        self._command: Command | None = None
        self._spawned = 0
        self._workers: dict[int, Worker] = {}
        self._alive: dict[Process, asyncio.Task[int]] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def sockets(self) -> tuple[str, ...]:
        """The sockets of the workers that take exchanges now."""
        return tuple(self._workers[index].socket for index in sorted(self._workers))

    @property
    def running(self) -> int:
        """How many workers take exchanges now."""
        return len(self._workers)

    async def spawn(self, command: Command) -> Generation:
        """Start a whole generation and wait until it is ready. It takes no exchanges until it is adopted.

        Raises:
            WorkerNotStarted: one of them did not come up; none is left.
        """
        self._spawned += 1
        starting = [asyncio.create_task(self._spawn(command, i, self._spawned)) for i in range(self._count)]
        try:
            return Generation(command, tuple(await asyncio.gather(*starting)))
        except BaseException:
            for task in starting:
                task.cancel()
            started = await asyncio.gather(*starting, return_exceptions=True)
            for worker in started:
                if isinstance(worker, Worker):
                    _signal(worker.process, signal.SIGKILL)
            raise

    def adopt(self, fresh: Generation) -> tuple[Worker, ...]:
        """Let a generation take the place of the present one, which is given back to be stopped."""
        old = tuple(self._workers.values())
        for worker in old:
            worker.retiring = True
        self._command = fresh.command
        self._workers.clear()
        for worker in fresh.workers:
            self._keep(worker)
        self._on_change()
        return old

    async def stop(self, workers: Sequence[Worker], *, number: int, within: float) -> None:
        """End `workers` once their open exchanges have ended, by force after `within` seconds.

        SIGTERM leaves Envoy the time to see that they take nothing new; SIGINT says that Envoy already knows.
        """
        for worker in workers:
            worker.retiring = True
        await self._end([worker.process for worker in workers], number, within)

    async def close(self, within: float) -> None:
        """End every process of every generation, by force after `within` seconds (at once if 0)."""
        self._stopping = True
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await self._end(list(self._alive), signal.SIGINT if within else signal.SIGKILL, within or None)
        self._workers.clear()

    async def _end(self, processes: list[Process], number: int, within: float | None) -> None:
        exits = [self._alive[process] for process in processes if process in self._alive]
        if not exits:
            return
        for process in processes:
            _signal(process, number)
        _, late = await asyncio.wait(exits, timeout=within)
        if late:
            logs.get().warning("workers did not end in time and are killed", workers=len(late))
            for process in processes:
                _signal(process, signal.SIGKILL)
            await asyncio.wait(late)

    def _keep(self, worker: Worker) -> None:
        self._workers[worker.index] = worker
        watcher = asyncio.create_task(self._watch(worker), name=f"worker {worker.index}")
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _spawn(self, command: Command, index: int, number: int) -> Worker:
        name = f"w{index}.{number}"
        socket = str(self._directory / f"{name}.sock")
        creating = asyncio.create_task(self._create(command(f"unix:{socket}", name), name))
        try:
            process, exit_ = await whole(creating)
        except asyncio.CancelledError:
            # A child that is given up while it is being made would be nobody's.
            if creating.exception() is None:
                _signal(creating.result()[0], signal.SIGKILL)
            raise
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await process.stdout.readline() if process.stdout is not None else b""
        except TimeoutError:
            _signal(process, signal.SIGKILL)
            raise WorkerNotStarted(f"worker {index} was not ready within {START_SECONDS:g} s") from None
        except asyncio.CancelledError:
            _signal(process, signal.SIGKILL)
            raise
        if line.decode(errors="replace").strip() != READY:
            # One that is ending by itself has a status of its own to tell.
            await asyncio.wait({exit_}, timeout=0 if line else 1)
            if not exit_.done():
                _signal(process, signal.SIGKILL)
                await asyncio.wait({exit_})
            raise WorkerNotStarted(f"worker {index} did not start (exit status {exit_.result()}); its reason is above")
        return Worker(index, process, socket)

    async def _create(self, arguments: list[str], name: str) -> tuple[Process, asyncio.Task[int]]:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            # Its own session: Ctrl-C reaches the supervisor only, which then drains in order.
            start_new_session=True,
        )
        exit_ = self._alive[process] = asyncio.create_task(process.wait(), name=f"exit of {name}")
        exit_.add_done_callback(lambda _: self._alive.pop(process, None))
        return process, exit_

    async def _watch(self, worker: Worker) -> None:
        status = await worker.process.wait()
        if worker.retiring or self._stopping:
            return
        logs.get().error("worker died, starting another", worker=worker.index, status=status)
        del self._workers[worker.index]
        # Its socket leaves the assignment at once; requests go to the others, or get a 503, until it is replaced.
        self._on_change()
        wait, longest = BACKOFF_SECONDS
        # A new generation that was adopted meanwhile has filled the place.
        while worker.index not in self._workers and self._command is not None:
            self._spawned += 1
            try:
                another = await self._spawn(self._command, worker.index, self._spawned)
            except WorkerNotStarted as error:
                logs.get().error("worker not started", worker=worker.index, error=str(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, longest)
                continue
            if worker.index in self._workers:
                _signal(another.process, signal.SIGKILL)
                return
            self._keep(another)
            self._on_change()


def _signal(process: Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
