"""How a gRPC call ends: its status codes, and the header blocks that carry them (gRPC's PROTOCOL-HTTP2.md)."""

from __future__ import annotations

from enum import IntEnum

from extproc.http2.header_blocks import literal

# A message beyond it is cut: it is for people, and travels in a header.
_LONGEST_DETAILS = 1_024


class Status(IntEnum):
    """gRPC's statuscodes.md."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


# 0x88 is the static entry `:status: 200`.
HEAD = b"\x88" + literal(b"content-type", b"application/grpc") + literal(b"grpc-accept-encoding", b"identity")
# For who does not speak gRPC at all: 0x0 0x8 is a literal by the name of static entry 8, `:status`.
NOT_GRPC = b"\x08\x03415"

_OK = literal(b"grpc-status", b"0")


def trailers(status: Status, details: str = "") -> bytes:
    """The block that ends a call whose head was sent."""
    if status is Status.OK:
        return _OK
    block = literal(b"grpc-status", b"%d" % status)
    return block + literal(b"grpc-message", percent_encoded(details)) if details else block


def trailers_only(status: Status, details: str = "") -> bytes:
    """The block that ends a call before anything was sent: head and end in one."""
    return HEAD + trailers(status, details)


def percent_encoded(details: str) -> bytes:
    """As `grpc-message` wants it: printable ASCII as it is, `%` and every other byte of its UTF-8 as %XX."""
    data = details[:_LONGEST_DETAILS].encode("utf-8", "replace")
    return b"".join(b"%c" % byte if 0x20 <= byte <= 0x7E and byte != 0x25 else b"%%%02X" % byte for byte in data)
