"""gRPC's length-prefixed messages."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.http2.messages import Assembler, MessageRefused, prefixed
from extproc.http2.status import Status


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(0, 400)), st.binary(max_size=4))
def test_every_split_gives_the_same(messages, cuts, rest):
    """Wherever the bytes are cut, the same messages come out, in order, and the rest is held."""
    data = b"".join(map(prefixed, messages)) + rest
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    assembler, found = Assembler(100), []
    for start, end in itertools.pairwise(places):
        found += assembler.feed(data[start:end])
    assert found == messages
    assert assembler.held == len(rest)


def test_a_long_message_comes_in_frames():
    """As Envoy sends it; with what follows it."""
    message = bytes(range(256)) * 1_000
    data = prefixed(message) + prefixed(b"next") + b"\0"
    assembler, found = Assembler(len(message)), []
    for start in range(0, len(data), 16_384):
        found += assembler.feed(data[start : start + 16_384])
    assert found == [message, b"next"]
    assert assembler.held == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\1\0\0\0\1x", Status.UNIMPLEMENTED),
        (b"\0\0\0\0\x0bxxxxxxxxxxx", Status.RESOURCE_EXHAUSTED),
        (b"\0\xff\xff\xff\xff", Status.RESOURCE_EXHAUSTED),
    ],
)
@pytest.mark.parametrize("cut", [1, 4, 5])
def test_what_is_refused(data, status, cut):
    """Compression, and a length over the limit: as soon as the prefix says so, before any of it is kept."""
    assembler = Assembler(10)
    with pytest.raises(MessageRefused) as caught:
        assembler.feed(data[:cut]) or assembler.feed(data[cut:])
    assert caught.value.status is status
