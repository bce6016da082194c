"""One client's connection: h11 reads the requests, and the answers are written here, step by step.

Written here and not by h11 because many of the answers are no valid HTTP, and because it takes half the time.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import h11

from extproc.emulator import admin
from extproc.emulator.answer import Answer, Cut, Reset, Send, Stall, Wait
from extproc.emulator.received import Received

if TYPE_CHECKING:
    from extproc.emulator.journal import Entry
    from extproc.emulator.server import Emulator

# SO_LINGER on, zero seconds: closing sends a reset, whatever is still to be sent (socket(7)).
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
# Until a refused body has been read to its end: closing earlier would reset the connection under the answer.
_DRAIN_SECONDS = 10.0
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Connection(asyncio.Protocol):
    """Reads requests one after the other and answers each; several connections share one Emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._http = h11.Connection(h11.SERVER)
        self._transport: asyncio.Transport
        self._request: h11.Request | None = None
        self._headers: tuple[tuple[bytes, bytes], ...] = ()
        self._body: list[bytes] = []
        self._body_length = 0
        self._continued = False
        self._refused = False
        self._keep_alive = True
        self._entry: Entry | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._emulator.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """Called by the loop: the peer left, or we closed."""
        self._emulator.connections.discard(self)
        if self._entry and not self._entry.finished:
            self._entry.cut = True
        if self._task:
            self._task.cancel()

    def pause_writing(self) -> None:
        """Called by the loop: the peer reads more slowly than we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Called by the loop."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._http.receive_data(data)
        if self._task is None:
            self._read()

    def close(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    def _read(self) -> None:
        """Take what has arrived, up to a request whose answer takes its time."""
        try:
            while self._task is None and not self._transport.is_closing():
                event = self._http.next_event()
                if isinstance(event, h11.Request):
                    self._begin(event)
                elif isinstance(event, h11.Data):
                    self._take(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._end()
                else:
                    self._await_more()
                    return
        except h11.RemoteProtocolError as fault:
            # What is not HTTP gets an edge's answer.
            self._keep_alive = False
            self._whole(Answer(fault.error_status_hint))

    def _await_more(self) -> None:
        if self._http.they_are_waiting_for_100_continue and not (self._continued or self._refused):
            self._continued = True
            self._transport.write(_CONTINUE)

    def _begin(self, request: h11.Request) -> None:
        self._request = request
        # Once: h11's Headers are a slow sequence.
        self._headers = tuple(request.headers)
        self._body = []
        self._body_length = 0
        self._continued = False
        self._refused = False
        length = 0
        self._keep_alive = request.http_version == b"1.1"
        for name, value in self._headers:
            if name == b"content-length":
                length = int(value)
            elif name == b"connection" and b"close" in value.lower():
                self._keep_alive = False
        if length > self._emulator.runtime.payload_limit:
            self._refuse_body()

    def _take(self, data: bytes) -> None:
        self._body_length += len(data)
        if self._refused:
            return
        self._body.append(bytes(data))
        if self._body_length > self._emulator.runtime.payload_limit:
            self._refuse_body()

    def _refuse_body(self) -> None:
        """Answer at once, as AWS does, and read what still comes, so that the answer is not lost in a reset."""
        self._body = []
        entry = self._entry = self._emulator.journal.open(self._received())
        self._refused = True
        answer = self._emulator.runtime.too_large(entry)
        entry.finished = True
        self._transport.write(self._head(answer, close=True) + answer.body)
        asyncio.get_running_loop().call_later(_DRAIN_SECONDS, self._transport.close)

    def _end(self) -> None:
        """Answer the request, which is here in full."""
        if self._refused:
            self._transport.close()
            return
        # h11 waits to be told of an answer that it is not to write: the next request gets a new reader.
        rest, _ = self._http.trailing_data
        self._http = h11.Connection(h11.SERVER)
        if rest:
            self._http.receive_data(rest)
        received = self._received()
        self._body = []
        if received.path.startswith(admin.PREFIX):
            self._entry = None
            self._whole(admin.answer(self._emulator, received))
            return
        entry = self._entry = self._emulator.journal.open(received)
        answer = self._emulator.runtime.answer(received, entry, self._emulator.clock())
        if answer.steps is None:
            # Noted first: who has the answer may look here at once.
            entry.bytes_sent = len(answer.body)
            entry.finished = True
            self._whole(answer)
        else:
            self._task = asyncio.get_running_loop().create_task(self._carry_out(answer, entry))

    def _received(self) -> Received:
        request = cast("h11.Request", self._request)
        return Received(request.method, request.target, self._headers, b"".join(self._body))

    def _head(self, answer: Answer, *, close: bool) -> bytes:
        lines = [f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, '')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        if answer.body or answer.steps is None:
            lines.append(f"content-length: {len(answer.body)}")
        else:
            lines.append("transfer-encoding: chunked")
        if close:
            lines.append("connection: close")
        return "\r\n".join([*lines, "\r\n"]).encode()

    def _whole(self, answer: Answer) -> None:
        """Send an answer in one write."""
        self._transport.write(self._head(answer, close=not self._keep_alive) + answer.body)
        if not self._keep_alive:
            self._transport.close()

    async def _carry_out(self, answer: Answer, entry: Entry) -> None:
        """Do the steps of an answer; ends early when the peer leaves (connection_lost cancels)."""
        head = self._head(answer, close=not self._keep_alive) if answer.status else b""
        chunked = not answer.body
        if chunked:
            # The headers of a stream do not wait for its first token.
            await self._put(head, answer.write_bytes)
            head = b""
        for step in answer.steps or ():
            match step:
                case Send(data, frames):
                    wire = b"%x\r\n%b\r\n" % (len(data), data) if chunked else data
                    entry.frames_sent += frames
                    entry.bytes_sent += len(data)
                    await self._put(head + wire, answer.write_bytes)
                    head = b""
                case Wait(seconds):
                    await asyncio.sleep(seconds)
                case Stall():
                    # Only connection_lost ends this.
                    await asyncio.get_running_loop().create_future()
                case Reset() | Cut():
                    entry.finished = True
                    self._break(reset=isinstance(step, Reset))
                    return
        entry.finished = True
        if chunked:
            await self._put(b"0\r\n\r\n", answer.write_bytes)
        self._task = None
        if not self._keep_alive:
            self._transport.close()
        self._read()

    async def _put(self, data: bytes, size: int | None) -> None:
        """Write in pieces of so many bytes, and wait while the peer's window is full."""
        if size is None:
            if data:
                self._transport.write(data)
        else:
            for start in range(0, len(data), size):
                self._transport.write(data[start : start + size])
                # A turn of the loop each, so that the peer may read one piece before the next is there.
                await asyncio.sleep(0)
        await self._writable.wait()

    def _break(self, *, reset: bool) -> None:
        """Leave with the answer unfinished."""
        if not reset:
            self._transport.close()
            return
        tcp = self._transport.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()
