"""One client's connection: HTTP/1.1 by h11 on one side, an answer's steps carried out write by write on the other."""

from __future__ import annotations

import asyncio
import socket
import struct
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


class Connection(asyncio.Protocol):
    """Reads requests one after the other and answers each; several connections share one Emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._http = h11.Connection(h11.SERVER)
        self._transport: asyncio.Transport
        self._request: h11.Request | None = None
        self._body: list[bytes] = []
        self._body_length = 0
        self._refused = False
        self._entry: Entry | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._left = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._emulator.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """Called by the loop: the peer left, or we closed."""
        self._emulator.connections.discard(self)
        self._left.set()
        self._writable.set()
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
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    if self._http.they_are_waiting_for_100_continue:
                        self._write(h11.InformationalResponse(status_code=100, headers=[]))
                    return
                if event is h11.PAUSED:
                    return
                if isinstance(event, h11.Request):
                    self._begin(event)
                elif isinstance(event, h11.Data):
                    self._take(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._end()
                    if self._task:
                        return
                else:
                    self._transport.close()
                    return
        except h11.RemoteProtocolError as fault:
            self._malformed(fault)

    def _begin(self, request: h11.Request) -> None:
        self._request = request
        self._body = []
        self._body_length = 0
        self._refused = False
        length = next((value for name, value in request.headers if name == b"content-length"), b"0")
        if int(length) > self._emulator.runtime.payload_limit:
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
        self._refused = True
        self._body = []
        entry = self._entry = self._emulator.journal.open(self._received())
        self._whole(self._emulator.runtime.too_large(entry), close=True)
        entry.finished = True
        asyncio.get_running_loop().call_later(_DRAIN_SECONDS, self._transport.close)

    def _end(self) -> None:
        if self._refused:
            self._transport.close()
            return
        received = self._received()
        self._body = []
        if received.path.startswith(admin.PREFIX):
            self._entry = None
            self._whole(admin.answer(self._emulator, received))
            return
        entry = self._entry = self._emulator.journal.open(received)
        answer = self._emulator.runtime.answer(received, entry, self._emulator.clock())
        if answer.steps is None:
            self._whole(answer)
            entry.bytes_sent = len(answer.body)
            entry.finished = True
        else:
            self._task = asyncio.get_running_loop().create_task(self._carry_out(answer, entry))

    def _received(self) -> Received:
        request = cast("h11.Request", self._request)
        return Received(request.method, request.target, tuple(request.headers), b"".join(self._body))

    def _whole(self, answer: Answer, *, close: bool = False) -> None:
        headers = [*answer.headers, ("content-length", str(len(answer.body)))]
        if close:
            headers.append(("connection", "close"))
        head = self._http.send(h11.Response(status_code=answer.status, headers=headers)) or b""
        self._http.send(h11.Data(data=answer.body))
        self._http.send(h11.EndOfMessage())
        self._transport.write(head + answer.body)
        self._next(closing=close)

    async def _carry_out(self, answer: Answer, entry: Entry) -> None:
        """Do the steps of an answer; ends early when the peer leaves (connection_lost cancels)."""
        framing = ("content-length", str(len(answer.body))) if answer.body else ("transfer-encoding", "chunked")
        head = b""
        if answer.status:
            response = h11.Response(status_code=answer.status, headers=[*answer.headers, framing])
            head = self._http.send(response) or b""
        if not answer.body:
            # The headers of a stream do not wait for its first token.
            await self._put(head, answer.write_bytes)
            head = b""
        for step in answer.steps or ():
            match step:
                case Send(data, frames):
                    await self._put(head + (self._http.send(h11.Data(data=data)) or b""), answer.write_bytes)
                    head = b""
                    entry.frames_sent += frames
                    entry.bytes_sent += len(data)
                case Wait(seconds):
                    await asyncio.sleep(seconds)
                case Stall():
                    entry.finished = False
                    await self._put(head, answer.write_bytes)
                    await self._left.wait()
                case Reset() | Cut():
                    entry.finished = True
                    self._break(reset=isinstance(step, Reset))
                    return
        await self._put(self._http.send(h11.EndOfMessage()) or b"", answer.write_bytes)
        entry.finished = True
        self._task = None
        self._next()
        if self._task is None and not self._transport.is_closing():
            self._read()

    async def _put(self, data: bytes, size: int | None) -> None:
        """Write in pieces of so many bytes, and wait while the peer's window is full."""
        if not data:
            return
        if size is None:
            self._transport.write(data)
        else:
            for start in range(0, len(data), size):
                self._transport.write(data[start : start + size])
                # A turn of the loop each, so that the peer may read one piece before the next is there.
                await asyncio.sleep(0)
        await self._writable.wait()

    def _next(self, *, closing: bool = False) -> None:
        if closing:
            return
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
        else:
            self._http.start_next_cycle()

    def _break(self, *, reset: bool) -> None:
        """Leave with the answer unfinished."""
        if not reset:
            self._transport.close()
            return
        tcp = self._transport.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    def _malformed(self, fault: h11.RemoteProtocolError) -> None:
        """Answer what is not HTTP as an edge does, and close."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [("content-length", "0"), ("connection", "close")]
            self._write(h11.Response(status_code=fault.error_status_hint, headers=headers))
        self._transport.close()

    def _write(self, event: h11.InformationalResponse | h11.Response) -> None:
        self._transport.write(self._http.send(event) or b"")
