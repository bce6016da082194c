"""One connection of a peer's: an asyncio protocol around extproc.http2.connection, and the calls on it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from extproc.edge import logs
from extproc.edge.http2.call import Call
from extproc.http2.connection import Connection
from extproc.http2.events import Acknowledged, ConnectionEnded, DataReceived, Event, RequestReceived, Sent, StreamReset
from extproc.http2.faults import ErrorCode
from extproc.http2.status import NOT_GRPC, Status, trailers_only

if TYPE_CHECKING:
    from extproc.edge.transport import Method
    from extproc.http2.limits import Limits
    from extproc.http2.room import Room

# From here on the socket's buffer is full: messages wait where they are, not in it. Several answers of usual size.
HIGH_WATER_BYTES = 1024 * 1024
# How long a peer may take to say that it knows of the end; one that does not finds its next stream refused.
GOAWAY_SECONDS = 1.0
# What is left to write when all calls are over has so long to go out.
CLOSE_SECONDS = 1.0
# How long a peer may take to close a connection that we have ended.
SHUT_SECONDS = 0.5

# gRPC's PROTOCOL-HTTP2.md: grpc-timeout.
_TIMEOUT = re.compile(rb"(\d{1,8})([HMSmun])")
_SECONDS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


class Link(asyncio.Protocol):
    """The peer may be anybody who can connect: nothing that it sends raises, or takes more than `limits` allow."""

    def __init__(
        self, methods: Mapping[bytes, Method], limits: Limits, room: Room, on_end: Callable[[Link], None]
    ) -> None:
        self._methods = methods
        self.limits = limits
        self.room = room
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self.connection = Connection(limits, self._loop.time())
        self.holding = 0
        self._calls: dict[int, Call] = {}
        self._timers: list[asyncio.TimerHandle] = []
        self._draining = self._cut = False
        self._flushing = False
        # Whether the socket takes no more; whether it is closed.
        self._full = False
        self._lost = False
        # Whether our side has said its last.
        self._shut = False
        # Done when the connection is closed and the last handler has come to its end.
        self.over: asyncio.Future[None] = self._loop.create_future()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say what a server says first."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self._later(self.limits.preface_seconds, self._require_preface)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Act on what the peer says."""
        connection = self.connection
        for event in connection.receive(data, self._loop.time()):
            if isinstance(event, DataReceived):
                call = self._calls.get(event.stream_id)
                if call is not None:
                    call.received(event.data, ended=event.ended)
                else:
                    # A handler that has ended while its answer is still being sent.
                    connection.credit(event.stream_id, len(event.data))
            else:
                self._on_event(event)
        self.flush()
        if self._full and self._transport.get_write_buffer_size() > self.limits.max_unsent_bytes:
            self._give_up(ErrorCode.ENHANCE_YOUR_CALM, "too much that the peer does not read")
            self._transport.abort()

    def eof_received(self) -> bool:
        """The peer sends no more: HTTP/2 has no half of a connection."""
        return False

    def pause_writing(self) -> None:
        """The socket's buffer is full."""
        self._full = True
        self.connection.pause()

    def resume_writing(self) -> None:
        """It has room again."""
        self._full = False
        self._resume()
        self.flush()

    def connection_lost(self, _: Exception | None) -> None:
        """Whoever is still talking has nobody to talk to."""
        self._lost = True
        for timer in self._timers:
            timer.cancel()
        for call in list(self._calls.values()):
            call.left()
        self._finish_if_over()

    # What its calls ask.

    def flush(self) -> None:
        """Write what the connection has to send, at the end of this turn of the loop: all with one system call."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self._write()
        if self._draining:
            self._close_if_done()

    def _write(self) -> None:
        connection = self.connection
        while frames := connection.take():
            if self._lost or self._shut or self._transport.is_closing():
                return
            self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
            if not connection.more:
                return
            self._resume()

    def ended(self, call: Call) -> None:
        """The handler of a call is done."""
        del self._calls[call.id]
        if self._lost:
            self._finish_if_over()
        elif self._draining:
            self._close_if_done()

    # What the server asks.

    def drain(self) -> None:
        """Let the open calls end, take no new ones, then close."""
        if self._draining or self._lost:
            return
        self._draining = True
        self.connection.announce_end()
        self.flush()
        self._later(GOAWAY_SECONDS, self._refuse)

    def cut(self) -> None:
        """End every call that is still open, and close."""
        self._draining = self._cut = True
        self._refuse()
        for call in list(self._calls.values()):
            call.end(Status.UNAVAILABLE, "the server ends")

    def _refuse(self) -> None:
        if not self._lost:
            self.connection.refuse_streams()
            self.flush()
            self._close_if_done()

    def _close_if_done(self) -> None:
        if self.connection.refusing and not self._calls and (self._cut or not self.connection.streams):
            self._close()

    def _close(self) -> None:
        self._write()
        if self._transport.is_closing() or self._shut:
            return
        if self._draining and not self._cut:
            # Only our side at first. A socket that is closed before it has read all (an answer to our last frames may
            # be under way) resets the connection, and the peer may lose what it has not read yet (RFC 9112, 9.6).
            self._shut = True
            self._transport.write_eof()
            self._later(SHUT_SECONDS, self._transport.close)
        else:
            self._transport.close()
        self._later(CLOSE_SECONDS, self._transport.abort)

    def _finish_if_over(self) -> None:
        if self._lost and not self._calls and not self.over.done():
            self.over.set_result(None)
            self._on_end(self)

    def _resume(self) -> None:
        for event in self.connection.resume():
            self._on_event(event)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._open(event)
        elif isinstance(event, StreamReset):
            call = self._calls.get(event.stream_id)
            if call is not None:
                call.left()
        elif isinstance(event, Sent):
            call = self._calls.get(event.stream_id)
            if call is not None:
                call.sent()
        elif isinstance(event, Acknowledged):
            if self._draining:
                self._refuse()
        elif isinstance(event, ConnectionEnded):
            self._give_up(event.code, event.reason)

    def _open(self, request: RequestReceived) -> None:
        fields = request.head.fields
        if fields[b":method"] != b"POST" or not fields.get(b"content-type", b"").startswith(b"application/grpc"):
            self.connection.send_trailers(request.stream_id, NOT_GRPC)
            return
        method = self._methods.get(fields[b":path"])
        if method is None:
            self.connection.send_trailers(request.stream_id, trailers_only(Status.UNIMPLEMENTED, "no such method"))
            return
        if len(self._calls) >= self.limits.max_concurrent_streams:
            # Streams that were reset count until their handlers are done, or resets would be a way around the limit.
            self.connection.reset(request.stream_id, ErrorCode.REFUSED_STREAM)
            return
        timeout = _timeout(fields.get(b"grpc-timeout"))
        self._calls[request.stream_id] = Call(self, request.stream_id, method, timeout=timeout, ended=request.ended)

    def _give_up(self, code: ErrorCode, reason: str) -> None:
        logs.get().warning("an HTTP/2 connection was given up", code=code.name, reason=reason)
        for call in list(self._calls.values()):
            call.left()
        self._close()

    def _require_preface(self) -> None:
        if not self.connection.prefaced:
            self._transport.abort()

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(seconds, what))


def _timeout(value: bytes | None) -> float | None:
    """Seconds of a grpc-timeout header; one that cannot be read counts as none."""
    found = _TIMEOUT.fullmatch(value) if value else None
    return int(found[1]) * _SECONDS[found[2]] if found else None
