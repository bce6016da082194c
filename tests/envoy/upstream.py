"""An upstream that answers as it is told, for tests/envoy/conftest.py."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass

import h11


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Received:
    """A request as an upstream got it. Header names in lower case."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value, None when absent; an assertion against duplicates."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None


@dataclass(frozen=True)
class Answer:
    """What an upstream says: a whole answer, or a fault ("reset", "hang") instead of one."""

    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    fault: str = ""
    pieces: tuple[bytes, ...] = ()
    delay: float = 0.0


class Upstream:
    """An HTTP/1.1 server that answers as told and keeps what it got.

    `script` maps the n-th request to an answer; `answer` is that of all others, or makes one from the request.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = free_port()
        self.answer: Answer | Callable[[Received], Answer] = Answer(body=name.encode())
        self.script: list[Answer] = []
        self.received: list[Received] = []
        self.violations: list[str] = []
        self.cut = 0
        self.gate = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**26)

    async def stop(self) -> None:
        """Take no new connections."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            while await self._exchange(connection, reader, writer):
                connection.start_next_cycle()
        except h11.RemoteProtocolError as error:
            if connection.their_state is not h11.IDLE or "illegal" in str(error):
                self.violations.append(str(error))
        except (ConnectionError, asyncio.CancelledError):
            self.cut += 1
        finally:
            writer.close()

    async def _exchange(self, connection: h11.Connection, reader, writer) -> bool:
        request, body = None, bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(2**20))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return False
        headers = [(name.decode(), value.decode("latin-1")) for name, value in request.headers]
        self.received.append(Received(request.method.decode(), request.target.decode(), headers, bytes(body)))
        answer = self.script.pop(0) if self.script else self.answer
        if not isinstance(answer, Answer):
            answer = answer(self.received[-1])
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.fault == "reset":
            writer.transport.abort()
            return False
        if answer.fault == "hang":
            await reader.read(1)
            return False
        pieces = answer.pieces or (answer.body,)
        framing = ("transfer-encoding", "chunked") if answer.pieces else ("content-length", str(len(answer.body)))
        writer.write(connection.send(h11.Response(status_code=answer.status, headers=[*answer.headers, framing])))
        for piece in pieces:
            if piece == b"<stop>":
                # Silent until the other side gives up.
                if not await reader.read(1):
                    self.cut += 1
                return False
            if piece == b"<reset>":
                writer.transport.abort()
                return False
            if piece == b"<pause>":
                await asyncio.sleep(0.5)
                continue
            if piece == b"<gate>":
                await self.gate.wait()
                continue
            writer.write(connection.send(h11.Data(data=piece)))
            await writer.drain()
        writer.write(connection.send(h11.EndOfMessage()))
        await writer.drain()
        return connection.our_state is h11.DONE
