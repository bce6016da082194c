"""What a rendering needs to know beside the targets: where things listen, which files they use, how long they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.render.tracing import Collector


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address, or a Unix socket when `path` is set."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """`unix:/run/kt/worker.sock`, `host:port`, `[::1]:port` or `:port` (every interface).

        Raises:
            ValueError: the text is none of these.
        """
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path:
                raise ValueError(f"{text!r} names no socket; write unix:/path/to/socket")
            return cls(path=path)
        host, colon, port = text.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
            raise ValueError(f"{text!r} is no address; write host:port or unix:/path/to/socket")
        return cls(host=host.removeprefix("[").removesuffix("]") or "0.0.0.0", port=int(port))  # noqa: S104 - ":port" asks for it

    def document(self) -> dict[str, object]:
        """envoy.config.core.v3.Address."""
        if self.path:
            return {"pipe": {"path": self.path}}
        return {"socket_address": {"address": self.host, "port_value": self.port}}


@dataclass(frozen=True, slots=True)
class Settings:
    """One Envoy beside one set of workers. Times in seconds.

    `trap` is a loopback address of our own that answers 503: a target without a healthy host is sent there, because
    a cluster without any host ends the request and no other target would be tried.
    `message_timeout` bounds each answer of a worker while bodies are whole: long enough to judge the largest body.
    `upload_timeout` bounds the arrival of a whole request. `idle_timeout` bounds the silence of a stream.
    Spans go to the `collector`, if there is one.
    """

    listen: Address
    workers: tuple[Address, ...]
    trap: Address
    admin: Address
    access_log: str
    ca_file: str = "/etc/ssl/certs/ca-certificates.crt"
    message_timeout: float = 30.0
    upload_timeout: float = 120.0
    idle_timeout: float = 300.0
    connect_timeout: float = 2.0
    max_connections: int = 10_000
    collector: Collector | None = None
