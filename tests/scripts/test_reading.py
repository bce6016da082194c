"""Reading an answer: its body and its end are found wherever the network cuts it."""

from __future__ import annotations

import pytest

HEAD = b"HTTP/1.1 200 OK\r\nX-KT-Target: east\r\n"
BODY = b"data: {}\n\ndata: 0\r\n\r\n"
WHOLE = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\na\r\n" + BODY[:10] + b"\r\nB\r\n" + BODY[10:] + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11, 1000])
@pytest.mark.parametrize("wire", [WHOLE, CHUNKED], ids=["length", "chunks"])
def test_the_body_is_kept_without_its_framing(program, wire, size):
    """Status, headers and body are the server's; the end is the last byte and none before it."""
    reading = program("reading").Reading(keep=True)
    ended = [reading.feed(wire[at : at + size]) for at in range(0, len(wire), size)]
    assert ended == [False] * (len(ended) - 1) + [True]
    assert (reading.status, reading.headers["x-kt-target"], reading.body) == ("200", "east", BODY)


def test_a_body_is_kept_only_when_asked(program):
    """A generator that only counts keeps nothing; it sees that the body has begun."""
    reading = program("reading").Reading()
    head, _, rest = WHOLE.partition(b"data")
    assert not reading.feed(head)
    assert not reading.begun
    assert reading.feed(b"data" + rest)
    assert reading.begun
    assert reading.body == b""
