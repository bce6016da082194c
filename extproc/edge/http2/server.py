"""The server: listens on one address, and ends its connections without breaking a call off."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.edge.http2.health import Health
from extproc.edge.http2.link import Link
from extproc.http2.room import Room

if TYPE_CHECKING:
    from extproc.edge.transport import Method
    from extproc.http2.limits import Limits

# Connections that wait to be accepted (listen(2)).
BACKLOG = 512
# Envoy has one for each of its threads and one for health checks. Beyond that many at once, the newest are closed.
MAX_CONNECTIONS = 1_024
# A peer that says nothing for so many seconds is probed, and is gone after so many probes without an answer, or as long
# (in milliseconds) after what it does not acknowledge (tcp(7)). Left to itself, Linux begins after two hours.
KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
# Handlers that were cancelled have so long to come to their end; one that does not must not keep the process. Less than
# the supervisor waits before it kills (gateway.MARGIN_SECONDS).
CUT_SECONDS = 5.0


class Http2Transport:
    """A server on `address` ("unix:/path" or "host:port"), not yet started.

    Raises:
        OSError: nobody can listen there.
    """

    def __init__(self, methods: Iterable[Method], address: str, *, limits: Limits) -> None:
        given = tuple(methods)
        self._limits = limits
        self._room = Room(limits.max_large_bytes)
        self._health = Health({method.service for method in given})
        self._methods = {
            f"/{method.service}/{method.name}".encode(): method for method in (*given, *self._health.methods)
        }
        self._links: set[Link] = set()
        self._servers: list[asyncio.Server] = []
        self._stopping = False
        self._path, self._sockets = _listen(address)

    async def start(self) -> None:
        """Take calls."""
        loop = asyncio.get_running_loop()
        for listening in self._sockets:
            if self._path is None:
                self._servers.append(await loop.create_server(self._link, sock=listening, backlog=BACKLOG))
            else:
                self._servers.append(await loop.create_unix_server(self._link, sock=listening, backlog=BACKLOG))

    async def set_serving(self, serving: bool) -> None:
        """Tell health checks, by the empty name and by each service's own."""
        self._health.set(serving)

    async def stop(self, grace: float | None) -> None:
        """Take no new calls; open ones have `grace` seconds to end, then they are cancelled, and waited for a while."""
        self._stopping = True
        for server in self._servers:
            server.close()
        for listening in self._sockets:
            listening.close()
        if self._path is not None:
            self._path.remove()
        self._health.end()
        if grace:
            for link in tuple(self._links):
                link.drain()
            await self._over(grace)
        for link in tuple(self._links):
            link.cut()
        await self._over(CUT_SECONDS)

    async def _over(self, seconds: float) -> None:
        if self._links:
            await asyncio.wait([link.over for link in self._links], timeout=seconds)

    def _link(self) -> asyncio.Protocol:
        # One may have been accepted already when the listening socket was closed.
        if self._stopping or len(self._links) >= MAX_CONNECTIONS:
            return _Refused()
        link = Link(self._methods, self._limits, self._room, self._links.discard)
        self._links.add(link)
        return link


class _Refused(asyncio.Protocol):
    """A connection too many, or too late."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


class _SocketFile:
    """The name of a Unix socket that we made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity = self._look()

    def remove(self) -> None:
        """Remove it, unless another has taken its place."""
        with contextlib.suppress(FileNotFoundError):
            if self._look() == self._identity:
                self._path.unlink()

    def _look(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_dev, found.st_ino


def _keep_alive(listening: socket.socket) -> None:
    """For those that it accepts (Linux): a peer's machine that is gone says nothing, and would keep its calls."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if hasattr(socket, name):
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _listen(address: str) -> tuple[_SocketFile | None, list[socket.socket]]:
    opened: list[socket.socket] = []
    try:
        if address.startswith("unix:"):
            path = Path(address.removeprefix("unix:"))
            if path.is_socket():
                path.unlink(missing_ok=True)  # One that a killed process has left; gRPC does the same.
            opened.append(listening := socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            listening.bind(str(path))
            listening.listen(BACKLOG)
            return _SocketFile(path), opened
        host, _, port = address.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, place in found:
            opened.append(listening := socket.socket(family, kind, protocol))
            # A connection that ended a moment ago does not count; a listener does (socket(7)).
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _keep_alive(listening)
            if family == socket.AF_INET6:
                # "::" is every address, as with gRPC; of a name, each address has a socket of its own.
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
            listening.bind(place)
            listening.listen(BACKLOG)
    except OSError as error:
        for listening in opened:
            listening.close()
        raise OSError(f"cannot listen on {address}: it is in use, or not an address of this machine") from error
    else:
        return None, opened
