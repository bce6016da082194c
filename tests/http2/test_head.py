"""The head of a request, by RFC 9113 section 8."""

import pytest

from extproc.http2.head import judged

GOOD = ((b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a/B"), (b":authority", b"x"))


def test_a_good_one():
    """Its fields are there, and nothing is wrong."""
    head = judged((*GOOD, (b"content-type", b"application/grpc"), (b"content-length", b"12"), (b"empty", b"")))
    assert head.malformed == ""
    assert (head.fields[b":path"], head.fields[b"empty"], head.content_length) == (b"/a/B", b"", 12)
    assert not head.trailing


def test_trailers_have_no_pseudo_header_fields():
    """They are no request, and nothing else is wrong with them (section 8.1)."""
    head = judged(((b"grpc-status", b"0"),))
    assert head.trailing
    assert head.malformed
    assert not judged(((b"grpc-status", b"0"), (b":path", b"/"))).trailing
    assert not judged(((b"Grpc-Status", b"0"),)).trailing


@pytest.mark.parametrize(
    "fields",
    [
        GOOD[1:],
        GOOD[:2],
        (*GOOD[:2], (b":path", b"")),
        (*GOOD, GOOD[0]),
        (*GOOD, (b":status", b"200")),
        (*GOOD, (b":protocol", b"websocket")),
        ((b"x", b"y"), *GOOD),
        (*GOOD, (b"Upper", b"x")),
        (*GOOD, (b"", b"x")),
        (*GOOD, (b"with space", b"x")),
        (*GOOD, (b"with:colon", b"x")),
        (*GOOD, (b"\xff", b"x")),
        (*GOOD, (b"x", b"a\nb")),
        (*GOOD, (b"x", b"a\rb")),
        (*GOOD, (b"x", b"a\0b")),
        (*GOOD, (b"x", b" a")),
        (*GOOD, (b"x", b"a\t")),
        (*GOOD, (b"connection", b"close")),
        (*GOOD, (b"transfer-encoding", b"chunked")),
        (*GOOD, (b"keep-alive", b"1")),
        (*GOOD, (b"upgrade", b"h2c")),
        (*GOOD, (b"te", b"gzip")),
        (*GOOD, (b"content-length", b"-1")),
        (*GOOD, (b"content-length", b"")),
        (*GOOD, (b"content-length", b"9" * 30)),
        (*GOOD, (b"content-length", b"1"), (b"content-length", b"2")),
    ],
)
def test_a_malformed_one(fields):
    """Each breaks one rule of sections 8.1.1 to 8.3.1."""
    assert judged(fields).malformed


def test_te_may_say_trailers():
    """As every gRPC client does."""
    assert judged((*GOOD, (b"te", b"trailers"))).malformed == ""
