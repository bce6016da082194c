"""What a connection tells of: what the peer asked, sent, took back, and what of ours has gone out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from extproc.http2.faults import ErrorCode
    from extproc.http2.head import Head


class RequestReceived(NamedTuple):
    """A stream was opened. `ended`: nothing else will come on it."""

    stream_id: int
    head: Head
    ended: bool


class DataReceived(NamedTuple):
    """Bytes of a request's body, to be given back by Connection.credit once they are consumed; `ended` as above."""

    stream_id: int
    data: bytes
    ended: bool


class StreamReset(NamedTuple):
    """A stream is over: the peer reset it, or made a mistake on it. Nothing can be sent on it any more."""

    stream_id: int


class Sent(NamedTuple):
    """All that was waiting for the peer's window, or for the socket, has gone out."""

    stream_id: int


class ConnectionEnded(NamedTuple):
    """The peer broke the protocol or a limit: send what there is, and close. All streams are over; `reason` is ours."""

    code: ErrorCode
    reason: str


class Acknowledged(NamedTuple):
    """The peer has answered our PING: it knows all that was sent before."""


Event = RequestReceived | DataReceived | StreamReset | Sent | ConnectionEnded | Acknowledged
