"""The streams of a connection, and what their ends give back."""

from extproc.http2.faults import ErrorCode
from extproc.http2.limits import Limits
from extproc.http2.outgoing import Outgoing
from extproc.http2.streams import Streams


def made(**limits):
    """Streams, and where their frames go."""
    outgoing = Outgoing()
    return Streams(Limits(**{"stream_window": 100, "connection_window": 200, **limits}), outgoing), outgoing


def updates(http2, outgoing):
    """Window updates that are ready, as (stream, increment); resets as (stream, code)."""
    return [
        (stream, int.from_bytes(payload, "big")) for _, _, stream, payload in http2.frames_of(b"".join(outgoing.take()))
    ]


def test_the_connections_window_does_not_wait_for_readers(http2):
    """It is given back as bytes come, that of a stream when they are consumed; each when it is half of the window."""
    streams, outgoing = made()
    stream = streams.create(1, None)
    assert streams.take(60)
    assert updates(http2, outgoing) == []
    assert streams.take(40)
    assert stream.receiving.take(100)
    assert updates(http2, outgoing) == [(0, 100)]
    streams.credit(1, 60)
    assert updates(http2, outgoing) == [(1, 60)]


def test_room_for_a_message_that_is_longer_than_the_window(http2):
    """The peer is told of what it lacks for it, and of nothing when it lacks nothing."""
    streams, outgoing = made()
    streams.create(1, None)
    streams.extend(1, 100)
    streams.extend(1, 250)
    streams.extend(3, 250)
    assert updates(http2, outgoing) == [(1, 150)]


def test_a_peer_that_has_ended_its_half_needs_no_window(http2):
    """Only the connection's goes on."""
    streams, outgoing = made()
    stream = streams.create(1, None)
    assert streams.take(100)
    assert stream.receiving.take(100)
    stream.remote_ended = True
    streams.credit(1, 100)
    assert updates(http2, outgoing) == [(0, 100)]


def test_one_that_we_end_first_is_remembered_for_a_while(http2):
    """What is under way on it is no fault of the peer's; but not for ever."""
    streams, outgoing = made()
    streams.create(1, None)
    streams.reset(1, ErrorCode.CANCEL)
    assert updates(http2, outgoing) == [(1, 8)]
    assert 1 in streams.abandoned
    for stream_id in range(3, 20_003, 2):
        streams.reset(stream_id, ErrorCode.CANCEL)
    assert len(streams.abandoned) == 4_096
    assert 1 not in streams.abandoned
    assert 20_001 in streams.abandoned


def test_our_end_ends_the_stream(http2):
    """Quietly after the peer's; before it, the peer is told to stop (RFC 9113 section 8.1)."""
    streams, outgoing = made()
    first, second = streams.create(1, None), streams.create(3, None)
    first.remote_ended = True
    streams.ended(first)
    streams.ended(second)
    assert updates(http2, outgoing) == [(3, ErrorCode.NO_ERROR)]
    assert streams.open == {}
    assert list(streams.abandoned) == [3]


def test_it_is_full_at_the_limit():
    """By those that are open."""
    streams, _ = made(max_concurrent_streams=2)
    streams.create(1, None)
    assert not streams.full
    streams.create(3, None)
    assert streams.full
    streams.drop(1)
    assert not streams.full
