"""One stream: the state that RFC 9113 section 5.1 gives it, while it is open on either side."""

from __future__ import annotations

from extproc.http2.window import ReceiveWindow


class Stream:
    """Open from the peer's HEADERS until both sides have ended it, or one of them has reset it."""

    __slots__ = (
        "answered",
        "content_left",
        "id",
        "pending",
        "receiving",
        "remote_ended",
        "trailers",
        "waiting",
        "window",
    )

    def __init__(self, stream_id: int, *, receive: int, send: int, content_length: int | None) -> None:
        self.id = stream_id
        # Whether we have sent anything on it.
        self.answered = False
        # Whether the peer has ended its half.
        self.remote_ended = False
        self.receiving = ReceiveWindow(receive)
        # What the peer's window leaves us to send; below zero after it has made its windows smaller (section 6.9.2).
        self.window = send
        # What is left of the message that is being sent, and the trailers that follow it.
        self.pending: memoryview | None = None
        self.trailers: bytes | None = None
        # Whether it stands in the queue of those that may send.
        self.waiting = False
        # What is to come of an announced content-length (section 8.1.1).
        self.content_left = content_length
