"""What the emulator was sent and how far its answer got: for a test to look at."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extproc.emulator.received import Received

# Larger bodies are kept as their hash alone: a thousand requests of 25 MB would be all the memory there is.
_KEPT_BODY = 64 * 1024


@dataclass(slots=True)
class Entry:
    """One request to an endpoint.

    `kind` is what the emulator did, `status` what it answered (0: nothing), `error_type` the x-amzn-errortype.
    `finished`: the whole answer, faults included, was handed to the network. `cut`: the peer left before that.
    """

    number: int
    received: Received
    kind: str = ""
    status: int = 0
    error_type: str | None = None
    frames_sent: int = 0
    bytes_sent: int = 0
    finished: bool = False
    cut: bool = False

    @property
    def method(self) -> str:
        """Of the request line."""
        return self.received.method.decode("latin-1")

    @property
    def path(self) -> str:
        """The request line's target, query included."""
        return self.received.target.decode("latin-1")

    @property
    def endpoint(self) -> str:
        """The endpoint's name, as the path has it."""
        return endpoint_of(self.path)

    @property
    def headers(self) -> dict[str, str]:
        """Every header, the authorization too; values of one name joined by commas."""
        joined: dict[str, str] = {}
        for name, value in self.received.headers:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            joined[key] = f"{joined[key]}, {text}" if key in joined else text
        return joined

    @property
    def body(self) -> bytes:
        """The body of the request."""
        return self.received.body

    def as_json(self) -> dict[str, Any]:
        """Return the entry as GET /emulator/requests shows it."""
        short = len(self.body) <= _KEPT_BODY
        return {
            "number": self.number,
            "method": self.method,
            "path": self.path,
            "endpoint": self.endpoint,
            "headers": self.headers,
            "body_sha256": hashlib.sha256(self.body).hexdigest(),
            "body_length": len(self.body),
            "body": self.body.decode("utf-8", "replace") if short else None,
            "kind": self.kind,
            "status": self.status,
            "error_type": self.error_type,
            "frames_sent": self.frames_sent,
            "bytes_sent": self.bytes_sent,
            "finished": self.finished,
            "cut": self.cut,
        }


class Journal:
    """The last requests, oldest first; older ones are forgotten, by count and by the size of their bodies.

    `counts`: endpoint → how many requests came to it, those that are forgotten included.
    """

    def __init__(self, *, keep: int = 1000, keep_bytes: int = 128 * 1024 * 1024) -> None:
        self._entries: deque[Entry] = deque()
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._bytes = 0
        self._count = 0
        self.counts: Counter[str] = Counter()

    def open(self, received: Received) -> Entry:
        """Begin an entry."""
        self._count += 1
        entry = Entry(self._count, received)
        self._entries.append(entry)
        self.counts[entry.endpoint] += 1
        self._bytes += len(received.body)
        while len(self._entries) > self._keep or (self._bytes > self._keep_bytes and len(self._entries) > 1):
            self._bytes -= len(self._entries.popleft().received.body)
        return entry

    def entries(self) -> list[Entry]:
        """Return what is kept, oldest first."""
        return list(self._entries)

    def clear(self) -> None:
        """Forget all; numbers go on."""
        self._entries.clear()
        self.counts.clear()
        self._bytes = 0


def endpoint_of(path: str) -> str:
    """Return the endpoint that a path names, or an empty string."""
    parts = path.split("/")
    return parts[2] if len(parts) > 3 and parts[1] == "endpoints" else ""
