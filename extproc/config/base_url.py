"""`base_url`: scheme, host, port and path prefix of what stands in for SageMaker Runtime."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

# Underscores are no host name by RFC 1123, but container networks have them.
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")

# Nothing that a proxy could resolve, decode or merge: what is signed is what arrives.
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_MAX_PATH = 200

_BRACKETED = re.compile(r"\[[^\]]*\](:[0-9]*)?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where to connect. `host` is lower case, an IPv6 address without its brackets.

    `path` is what every path begins with: "", or "/a/b" without a slash at its end.
    """

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def exposed(self) -> bool:
        """Clear text to a host that is neither this machine nor on a private network."""
        if self.scheme == "https":
            return False
        try:
            return ipaddress.ip_address(self.host).is_global
        except ValueError:
            # A name without a dot only resolves in the own network (compose, Kubernetes).
            return "." in self.host and not self.host.endswith((".localhost", ".local", ".internal"))


def parse_base_url(url: str) -> Origin:
    """Scheme, host, port and path of `url`. Raises ValueError, with a text to show, for anything else in it."""
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise ValueError("a URL has no spaces, control characters or letters beyond ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise ValueError("not a URL: the host or the port cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("a URL begins with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("no user name or password may stand in it; requests are signed with AWS credentials")
    if "?" in url or "#" in url:
        raise ValueError("no query or fragment may stand in it; the operation's path is added to it")
    path = parts.path.removesuffix("/")
    if len(path) > _MAX_PATH or not _PATH.fullmatch(path):
        raise ValueError("its path may hold letters, digits, '-', '_', '.' and '~' between single slashes only")
    if "endpoints" in path.split("/"):
        raise ValueError("the operation's path, /endpoints/..., is added to it and may not stand in it")
    if port == 0:
        raise ValueError("port 0 cannot be connected to")
    if parts.netloc.startswith("["):
        if not _BRACKETED.fullmatch(parts.netloc):
            # Some Python versions let text between bracket and port pass.
            raise ValueError("not a URL: the host or the port cannot be read")
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError("the brackets must hold an IPv6 address") from None
        if address.scope_id is not None:
            raise ValueError("an IPv6 zone cannot be part of a Host header")
        host = str(address)
    elif not _HOST.fullmatch(host):
        raise ValueError("the host is missing or no host name")
    return Origin(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)
