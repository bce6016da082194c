"""Addresses on this machine: whether one is free, and whether the gateway that listens there is ready."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from extproc.render.settings import Address

# Never through a proxy of the environment: the question is asked on this machine.
_ASK = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def require_free(address: Address, option: str) -> None:
    """Refuse an address where this process cannot listen, or where somebody listens already.

    Envoy would share the port with another Envoy of the same user unnoticed (SO_REUSEPORT), and with anybody else it
    would go on without its listener.

    Args:
        address: an IP address and a port.
        option: names the address in the error.

    Raises:
        OSError: with a text that is ready to print.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        # A connection that ended a moment ago does not count; a listener does (socket(7)).
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except OSError as error:
            text = f"cannot listen on {option} {address.host}:{address.port}: {(error.strerror or str(error)).lower()}"
            raise OSError(text) from error


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def faults(listen: Address) -> str:
    """What keeps the gateway that listens there from serving requests, "" when it is ready."""
    ip = ipaddress.ip_address(listen.host)
    if ip.is_unspecified:
        ip = ipaddress.ip_address("127.0.0.1" if ip.version == 4 else "::1")
    host = f"[{ip}]" if ip.version == 6 else str(ip)
    try:
        with _ASK.open(f"http://{host}:{listen.port}/readyz", timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        with error, contextlib.suppress(ValueError, AttributeError):
            body = orjson.loads(error.read())
            told = "; ".join(body.get("faults", ())) or body.get("error", {}).get("message", "")
            return told or f"status {error.code}"
        return f"status {error.code}"
    except OSError as error:
        return str(error)
