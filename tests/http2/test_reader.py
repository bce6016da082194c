"""Frames, cut from what a client sends."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.http2.faults import ErrorCode
from extproc.http2.frames import PREFACE, frame
from extproc.http2.reader import FrameReader

FRAME = st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**31 - 1), st.binary(max_size=40))
SETTINGS = (4, 0, 0, b"")


@given(st.lists(FRAME, max_size=6), st.lists(st.integers(0, 500)), st.binary(max_size=8))
def test_every_split_gives_the_same(frames, cuts, rest):
    """Wherever the bytes are cut: the same frames, in order."""
    data = PREFACE + b"".join(frame(*each) for each in (SETTINGS, *frames)) + rest
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    reader, found = FrameReader(), []
    for start, end in itertools.pairwise(places):
        cut, fault = reader.feed(data[start:end])
        found += cut
        assert fault is None
    assert found == [SETTINGS, *frames]


def test_the_reserved_bit_is_ignored():
    """RFC 9113 section 4.1."""
    reader = FrameReader()
    found, _ = reader.feed(PREFACE + frame(*SETTINGS) + frame(0, 0, 2**31 + 3, b"x"))
    assert found[1] == (0, 0, 3, b"x")


def test_it_knows_when_the_preface_has_come():
    """Not before its last byte."""
    reader = FrameReader()
    for byte in PREFACE:
        assert not reader.prefaced
        assert reader.feed(bytes((byte,))) == ([], None)
    assert reader.prefaced


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", PREFACE[:-1] + b"x", b"PRI * HTTP/1"])
def test_another_protocol(said):
    """Told from the first byte that is wrong (section 3.4)."""
    _, fault = FrameReader().feed(said)
    assert fault.code is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize("first", [(0, 0, 1, b"x"), (4, 1, 0, b""), (6, 0, 0, b"12345678")])
def test_the_preface_ends_with_settings(first):
    """Anything else, an acknowledgement too, is an error (section 3.4)."""
    found, fault = FrameReader().feed(PREFACE + frame(*first))
    assert (found, fault.code) == ([], ErrorCode.PROTOCOL_ERROR)


def test_a_frame_that_is_too_large():
    """Refused by its head, before any of it is kept; frames before it count (section 4.2)."""
    reader = FrameReader()
    found, fault = reader.feed(PREFACE + frame(*SETTINGS) + frame(0, 0, 1, b"x" * 16_385)[:9])
    assert found == [SETTINGS]
    assert fault.code is ErrorCode.FRAME_SIZE_ERROR
    assert FrameReader().feed(PREFACE + frame(*SETTINGS) + frame(0, 0, 1, b"x" * 16_384))[1] is None


def test_a_slow_sender_costs_one_frame():
    """No more than the frame that is coming is kept, however its bytes come."""
    reader = FrameReader()
    reader.feed(PREFACE + frame(*SETTINGS))
    for _ in range(3):
        for byte in frame(0, 0, 1, b"x" * 1_000):
            reader.feed(bytes((byte,)))
            assert len(reader._kept) <= 1_009
    assert reader._kept == b""
