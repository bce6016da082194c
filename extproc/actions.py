"""What we answer. The edge turns each into the ext_proc message that fits the event it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

HeaderList = tuple[tuple[str, str], ...]

# The head of a whole answer.
JSON: HeaderList = (("content-type", "application/json"),)


class BodyMode(Enum):
    """How the response body is to reach us: whole, or in chunks that we answer at our own pace."""

    BUFFERED = "buffered"
    STREAMED = "streamed"


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on. `set_headers` overwrite; `body_mode`, in answer to response headers, asks for the body.

    `metadata` is dynamic metadata by namespace.
    """

    set_headers: HeaderList = ()
    remove_headers: tuple[str, ...] = ()
    body_mode: BodyMode | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replace:
    """A new whole body, in answer to a whole one, BUFFERED or enclosed with its head.

    content-length is set by the edge, always. `metadata` is dynamic metadata by namespace; when given, the route is
    chosen again.
    """

    body: bytes
    set_headers: HeaderList = ()
    remove_headers: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer the client now; nothing goes upstream, or nothing more of the upstream's answer is used."""

    status: int
    headers: HeaderList = ()
    body: bytes = b""
    details: str = "kt"


@dataclass(frozen=True, slots=True)
class Release:
    """Bytes of a streamed response, now safe to send. `end_of_stream` ends the answer and cuts the upstream."""

    body: bytes
    end_of_stream: bool = False


Action = Continue | Replace | Respond | Release
