"""A request as it came off the wire."""

from __future__ import annotations

from extproc.emulator.received import Received


def test_path_query_and_headers_are_the_bytes_received() -> None:
    """The target is split at its first question mark, and a header may come more than once."""
    received = Received(b"POST", b"/a%20b?x=1?y", ((b"n", b"1"), (b"m", b"2"), (b"n", b"\xff")), b"")
    assert (received.path, received.query) == (b"/a%20b", b"x=1?y")
    assert received.values(b"n") == [b"1", b"\xff"]
    assert (received.header(b"m"), received.header(b"absent")) == (b"2", None)
