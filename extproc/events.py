"""What Envoy told us. One exchange sees these in order; the edge makes them from ext_proc messages.

`Headers` are lower-case names to text values (latin-1, as on the wire); a name that came twice has its values
joined with ", ". Pseudo-headers (`:method`, `:path`, `:status`) are ordinary entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    """The request line and headers. `end_of_stream`: no body will follow. `count`: lines, also of the same name.

    `body` is the whole body where it was small enough to be enclosed; else it comes after.
    """

    headers: Headers
    end_of_stream: bool = False
    source_address: str = ""
    count: int = 0
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The whole request body: request bodies are always BUFFERED."""

    body: bytes


@dataclass(frozen=True, slots=True)
class RequestTrailers:
    """Request trailers. Nothing in them is read; they are not forwarded."""


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """What one attempt brought, as attempt.lua reported it: the upstream's status and AWS error type ("" if none).

    Of a stream, what it began with: one that failed before its first content has the status that this amounts to, not
    the 200 that came before. Status 0: no answer, or none to its first content. `elapsed` is how many seconds it took
    to the answer's head, a stream's first content; None when there is no answer. `retriable`: it failed, and another
    target might not.
    `original_status` is the container's of a 424, `error_code` SageMaker's or our own word for what it said, and
    `retry_after` the seconds that it asked for, 0 for none.

    Where the signature was refused, `credentials` is the fingerprint of those that newer ones may cure, and `date` the
    Date header when our clock may be the fault; else "".
    """

    target: str
    status: int
    error_type: str = ""
    date: str = ""
    credentials: str = ""
    original_status: int | None = None
    error_code: str = ""
    retry_after: float = 0.0
    elapsed: float | None = None
    retriable: bool = False


@dataclass(frozen=True, slots=True)
class ResponseHeaders:
    """The head of the final answer, SageMaker's or a local reply of Envoy's.

    `cluster` is the cluster that answered ("" for none), `attempts` how many were made, `details` Envoy's
    RESPONSE_CODE_DETAILS ("via_upstream" when the answer is the upstream's own). `body` is that of a whole answer which
    was small enough to be enclosed; else it comes after.
    """

    headers: Headers
    end_of_stream: bool = False
    cluster: str = ""
    attempts: int = 0
    details: str = ""
    outcomes: tuple[AttemptOutcome, ...] = field(default=())
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class ResponseBody:
    """The whole response body (BUFFERED), or one chunk of it (FULL_DUPLEX_STREAMED)."""

    body: bytes
    end_of_stream: bool = False


@dataclass(frozen=True, slots=True)
class ResponseTrailers:
    """Response trailers: in a stream, they take the place of the last empty chunk."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The serving target's `timeout_seconds` ran out while its stream was still open."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Envoy closed the exchange: a normal end if everything was answered, else somebody left."""


Event = (
    RequestHeaders
    | RequestBody
    | RequestTrailers
    | ResponseHeaders
    | ResponseBody
    | ResponseTrailers
    | DeadlinePassed
    | Closed
)
