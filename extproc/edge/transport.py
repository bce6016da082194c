"""What the service asks of whatever carries gRPC: a call to read from and write to, and a server to start and stop.

Two fulfil it: grpc_transport.py (the gRPC library) and http2/ (an asyncio protocol of our own, several times cheaper).
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol

from extproc.http2.status import Status

# The messages' types are those of the method; they are checked in wire.py.
Message = Any


class _End(enum.Enum):
    EOF = "EOF"


# What `read` gives once the peer has said all that it wanted to.
EOF: Final = _End.EOF


class PeerLeft(Exception):
    """The peer reset the call, or its connection ended: nobody is left to write to."""


class Context(Protocol):
    """One call. When its peer resets it, the handler's task is cancelled."""

    @property
    def waiting(self) -> bool:
        """Whether a message has come that `read` gives at once; False where that is not known."""

    async def read(self) -> Message:
        """The next message, or EOF. Raises what the method's `decode` raises."""

    async def write(self, message: Message) -> None:
        """Send a message; waits while the peer or the socket takes no more.

        Raises:
            PeerLeft: there is nobody to send it to.
        """

    async def abort(self, status: Status, details: str) -> NoReturn:
        """End the call with an error: raises what ends the handler, and must not be caught in it."""


@dataclass(frozen=True, slots=True)
class Method:
    """One gRPC method: `decode` and `encode` turn bytes into its messages and back.

    A unary one is `handler(request, context)` and returns its answer; a streaming one is `handler(context)`.
    """

    service: str
    name: str
    handler: Callable[..., Awaitable[Any]]
    decode: Callable[[bytes], Message]
    encode: Callable[[Message], bytes]
    unary: bool = False


class Transport(Protocol):
    """A server on one address, with gRPC's health service beside the methods it was given."""

    async def start(self) -> None:
        """Take calls."""

    async def set_serving(self, serving: bool) -> None:
        """Tell health checks, Envoy's above all, whether calls should be sent here. Until then: no."""

    async def stop(self, grace: float | None) -> None:
        """Take no new calls, and end when the open ones have: `grace` seconds long, then they are cancelled."""
