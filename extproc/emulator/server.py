"""The emulator as a server: in a test's event loop, in a thread beside it, or as a process (`kt sagemaker emulate`)."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Self

from extproc.emulator import knobs
from extproc.emulator.connection import Connection
from extproc.emulator.journal import Entry, Journal
from extproc.emulator.runtime import PAYLOAD_LIMIT, Fault, Runtime
from extproc.routing.targets import Credentials

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

# The keys of AWS's own documentation: known to everyone, valid nowhere else.
TEST_CREDENTIALS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


class Emulator:
    """A SageMaker Runtime of one region: `async with Emulator(region="us-east-1") as emulator: emulator.port`.

    Args:
        region: in whose scope requests must be signed.
        credentials: whose signatures are accepted.
        endpoints: the names that exist; None: all but those that begin with `missing`.
        host, port: where to listen; port 0 takes a free one, then found in `port`.
        tls: serve TLS.
        payload_limit: bytes of a request body, above which it is a 413.
        faults: set from the start, and again by reset().
        clock: Unix seconds, against which signatures are checked.
    """

    def __init__(
        self,
        *,
        region: str = "us-east-1",
        credentials: Iterable[Credentials] = (TEST_CREDENTIALS,),
        endpoints: Iterable[str] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        payload_limit: int = PAYLOAD_LIMIT,
        faults: Iterable[Fault] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.host = host
        self.port = port
        self.clock = clock
        self.journal = Journal()
        self.connections: set[Connection] = set()
        self.runtime = Runtime(
            region=region,
            keys={known.access_key: known for known in credentials},
            endpoints=None if endpoints is None else frozenset(endpoints),
            payload_limit=payload_limit,
        )
        self._tls = tls
        self._at_start = tuple(faults)
        self._server: asyncio.Server | None = None
        self.reset()

    @property
    def url(self) -> str:
        """What a client takes as its endpoint URL."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    @property
    def requests(self) -> list[Entry]:
        """The last requests to endpoints, oldest first."""
        return self.journal.entries()

    def fault(self, endpoint: str, kind: str | None, *, times: int | None = None) -> None:
        """Give an endpoint (`*`: every one) another kind, for so many requests or for good; None takes faults away.

        A kind may end in knobs (`chat--first2000`), which win over those of the request.
        Faults of one endpoint wait for each other: the second starts when the first has been had its times.

        Raises:
            ValueError: no such kind, or not a number of times.
        """
        if kind is None:
            self.runtime.faults = [fault for fault in self.runtime.faults if fault.endpoint != endpoint]
            return
        if not isinstance(endpoint, str) or not knobs.is_fault(kind):
            raise ValueError(f"no such kind of fault: {kind!r}")
        if times is not None and (not isinstance(times, int) or times < 1):
            raise ValueError("`times` is a number from 1 on, or nothing")
        self.runtime.faults.append(Fault(endpoint, kind, times))

    def reset(self) -> None:
        """Forget requests and return to the faults of the start."""
        self.journal.clear()
        self.runtime.faults = []
        for fault in self._at_start:
            self.fault(fault.endpoint, fault.kind, times=fault.times)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self), self.host, self.port, ssl=self._tls, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self.connections):
            connection.close()
        # The connections' own callbacks run first.
        await asyncio.sleep(0)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class EmulatorThread:
    """An emulator in a thread with its own event loop, for clients that block: `with EmulatorThread() as emulator:`."""

    def __init__(self, emulator: Emulator | None = None) -> None:
        self._emulator = emulator or Emulator()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sagemaker-emulator", daemon=True)

    def __enter__(self) -> Emulator:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._emulator.start(), self._loop).result()
        except OSError:
            self._end()
            raise
        return self._emulator

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._emulator.stop(), self._loop).result()
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
