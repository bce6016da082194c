"""One gRPC call on an HTTP/2 stream: what its handler reads from and writes to, and the task that runs it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NoReturn, Protocol

from extproc.edge import logs
from extproc.edge.transport import EOF, Message, Method, PeerLeft
from extproc.http2.messages import PREFIX_BYTES, Assembler, MessageRefused, prefixed
from extproc.http2.status import HEAD, Status, trailers, trailers_only
from extproc.record import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.http2.connection import Connection
    from extproc.http2.limits import Limits
    from extproc.http2.room import Room


class Carrier(Protocol):
    """The connection that a call is on."""

    connection: Connection
    limits: Limits
    # For large messages, of all connections.
    room: Room
    # Bytes of messages that no handler has read yet, whole or not, of all its calls.
    holding: int

    def flush(self) -> None:
        """Write what the connection has to send."""

    def ended(self, call: Call) -> None:
        """The handler of a call is done."""


class Aborted(Exception):
    """A handler ends its call with an error."""

    def __init__(self, status: Status, details: str) -> None:
        super().__init__(details)
        self.status = status
        self.details = details


class Call:
    """A call, and its handler's context."""

    __slots__ = (
        "_assembler",
        "_begun",
        "_blocked",
        "_cancelled",
        "_carrier",
        "_ended",
        "_gone",
        "_holding",
        "_inbox",
        "_large",
        "_loop",
        "_method",
        "_owed",
        "_patience",
        "_progress",
        "_reading",
        "_started",
        "_task",
        "_timer",
        "_verdict",
        "id",
    )

    def __init__(self, carrier: Carrier, stream_id: int, method: Method, *, timeout: float | None, ended: bool) -> None:
        self.id = stream_id
        self._carrier = carrier
        self._method = method
        self._assembler = Assembler(carrier.limits.max_message_bytes)
        # Messages that were not read yet, each with the bytes to give back to the peer when it is.
        self._inbox: deque[tuple[bytes, int]] = deque()
        # The same of the message that is still arriving; and the bytes of all of them.
        self._owed = 0
        self._holding = 0
        # Whether the peer has said all, whether it has left.
        self._ended = ended
        self._gone = False
        # Whether our head was sent, whether a message waits to be.
        self._started = False
        self._blocked = False
        # What a handler that waits is woken by.
        self._progress: asyncio.Future[None] | None = None
        # Whether the handler has begun, whether it is cancelled, and how the call is to end if that was for us to say.
        self._begun = False
        self._cancelled = False
        self._verdict: tuple[Status, str] | None = None
        loop = self._loop = asyncio.get_running_loop()
        # Whether the handler waits for a message; whether it has asked for room for a large one, or works on it; and
        # the end of patience with the peer: with a large message that does not come whole, or with its answer's pace.
        self._reading = False
        self._large = False
        self._patience: asyncio.TimerHandle | None = None
        self._timer = None if timeout is None else loop.call_later(timeout, self._late)
        self._task = loop.create_task(self._run())

    # The handler's side.

    @property
    def waiting(self) -> bool:
        """Whether a message has come that `read` gives at once."""
        return bool(self._inbox)

    async def read(self) -> Message:
        """The next message, or EOF."""
        self._done_with_large()
        inbox = self._inbox
        if not inbox:
            self._reading = True
            self._let_in()
            while not (inbox or self._ended):
                await self._change()
            self._reading = False
            if not inbox:
                return EOF
        message, owed = inbox.popleft()
        carrier = self._carrier
        held = len(message) + PREFIX_BYTES
        self._holding -= held
        carrier.holding -= held
        carrier.connection.credit(self.id, owed)
        carrier.flush()
        return self._method.decode(message)

    async def write(self, message: Message) -> None:
        """Send a message, one at a time.

        Raises:
            PeerLeft: there is nobody to send it to.
        """
        data = prefixed(self._method.encode(message))
        del message
        while self._blocked:  # A write that was cancelled has left the rest of its message.
            await self._change()
        if self._gone:
            raise PeerLeft
        connection = self._carrier.connection
        if not self._started:
            self._started = True
            connection.send_headers(self.id, HEAD)
        self._blocked = not connection.send_data(self.id, data)
        self._carrier.flush()
        if self._large and self._blocked and not self._reading and self._patience is None:
            # A peer that takes nothing must not keep other calls from their messages for ever.
            self._be_patient(self._carrier.limits.stall_seconds, self._done_with_large)
        while self._blocked:
            await self._change()

    async def abort(self, status: Status, details: str) -> NoReturn:
        """End the call with an error."""
        raise Aborted(status, details)

    def _change(self) -> asyncio.Future[None]:
        """What to wait for until something has come or gone."""
        if self._gone:
            raise PeerLeft
        progress = self._progress
        if progress is None or progress.done():
            progress = self._progress = self._loop.create_future()
        return progress

    async def _run(self) -> None:
        self._begun = True
        status, details = Status.UNKNOWN, "the call failed"
        try:
            if self._cancelled:
                # It was over before it began: a cancelled task that has not begun would never come to its end.
                raise asyncio.CancelledError  # noqa: TRY301 - one place ends calls
            if self._method.unary:
                request = await self.read()
                if request is EOF:
                    raise Aborted(Status.INTERNAL, "a call without a message")  # noqa: TRY301 - as above
                await self.write(await self._method.handler(request, self))
            else:
                await self._method.handler(self)
            status, details = Status.OK, ""
        except Aborted as aborted:
            status, details = aborted.status, aborted.details
        except PeerLeft:
            self._gone = True
        except asyncio.CancelledError:
            # By the peer's leaving, or with a verdict of ours; otherwise with the whole process.
            status, details = self._verdict or (Status.UNAVAILABLE, "the server ends")
        except Exception as error:  # noqa: BLE001 - the peer is told, and the connection's other calls go on
            logs.get().error("a gRPC call failed in the gateway", fault=fault(error))
        finally:
            self._finish(status, details)

    def _finish(self, status: Status, details: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._done_with_large()
        carrier = self._carrier
        carrier.holding -= self._holding
        if not self._gone:
            block = trailers(status, details) if self._started else trailers_only(status, details)
            carrier.connection.send_trailers(self.id, block)
            carrier.flush()
        carrier.ended(self)

    # Large messages. Room for one is asked for only while the handler waits for it, so that it is surely worked on as
    # soon as it is whole: a call that stands still never keeps others from theirs.

    def _let_in(self) -> None:
        """See to it that the message that is arriving can come whole."""
        carrier, assembler = self._carrier, self._assembler
        if not assembler.missing:
            return
        if assembler.needed <= carrier.limits.stream_window or self._patience is not None:
            carrier.connection.extend(self.id, assembler.missing)
            carrier.flush()
        elif not self._large:
            self._large = True
            carrier.room.ask(self, assembler.needed)

    def admitted(self) -> None:
        """There is room for the message that is arriving."""
        self._be_patient(self._carrier.limits.large_seconds, self._overdue)
        self._let_in()

    def _done_with_large(self) -> None:
        if self._large:
            self._large = False
            self._no_patience()
            self._carrier.room.leave(self)

    def _be_patient(self, seconds: float, then: Callable[[], None]) -> None:
        self._patience = self._loop.call_later(seconds, then)

    def _no_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _overdue(self) -> None:
        self.end(Status.RESOURCE_EXHAUSTED, "a message that does not come whole")

    # The connection's side.

    def received(self, data: bytes, *, ended: bool) -> None:
        """Bytes of the peer's, and whether it has said all with them."""
        if self._cancelled:
            return  # What is owed is given back when the stream ends.
        carrier, size = self._carrier, len(data)
        self._holding += size
        carrier.holding += size
        try:
            messages = self._assembler.feed(data)
            if carrier.holding > carrier.limits.max_held_bytes:
                raise MessageRefused(Status.RESOURCE_EXHAUSTED, "too much at once")  # noqa: TRY301 - one place ends it
            if len(self._inbox) + len(messages) > carrier.limits.max_unread_messages:
                raise MessageRefused(Status.RESOURCE_EXHAUSTED, "too many messages")  # noqa: TRY301 - as above
            if ended and self._assembler.held:
                raise MessageRefused(Status.INTERNAL, "the call ended within a message")  # noqa: TRY301 - as above
        except MessageRefused as refused:
            self.end(refused.status, refused.details)
            return
        self._owed += size
        if messages:
            held = self._assembler.held
            for message in messages[:-1]:
                self._inbox.append((message, 0))
            self._inbox.append((messages[-1], self._owed - held))
            self._owed = held
            self._no_patience()
        elif self._reading:
            self._let_in()
        if ended:
            self._ended = True
        if messages or ended:
            self._wake()

    def sent(self) -> None:
        """The message that waited has gone out."""
        self._blocked = False
        self._wake()

    def left(self) -> None:
        """The peer has reset the call, or its connection has ended."""
        self._gone = True
        self._cancel()

    def end(self, status: Status, details: str) -> None:
        """End the call with an error of ours, its handler cancelled."""
        if not self._cancelled:
            self._verdict = (status, details)
            self._cancel()

    def _cancel(self) -> None:
        # Once: a handler that is coming to its end is not disturbed in it.
        if not self._cancelled:
            self._cancelled = True
            if self._begun:
                self._task.cancel()

    def _late(self) -> None:
        self.end(Status.DEADLINE_EXCEEDED, "the call's own deadline has passed")

    def _wake(self) -> None:
        progress = self._progress
        if progress is not None and not progress.done():
            progress.set_result(None)
