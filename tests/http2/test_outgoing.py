"""What is to be sent: windows, turns, and the socket's pace."""

from hypothesis import given
from hypothesis import strategies as st

from extproc.http2.outgoing import BATCH_BYTES, Outgoing
from extproc.http2.stream import Stream


def opened(*windows):
    """An end with streams of these windows."""
    return Outgoing(), [
        Stream(1 + 2 * number, receive=0, send=window, content_length=None) for number, window in enumerate(windows)
    ]


def sent(http2, outgoing):
    """What is ready, by stream: a list of its parts."""
    return [(stream, payload) for _, _, stream, payload in http2.frames_of(b"".join(outgoing.take()))]


def test_what_the_windows_allow_goes_at_once(http2):
    """And is charged to both."""
    outgoing, [stream] = opened(10)
    outgoing.window = 12
    assert outgoing.data(stream, b"0123456789")
    assert sent(http2, outgoing) == [(1, b"0123456789")]
    assert (outgoing.window, stream.window) == (2, 0)


def test_the_rest_waits_for_the_streams_window(http2):
    """It goes on when the peer gives more, and other streams are not held up by it."""
    outgoing, [slow, other] = opened(4, 100)
    assert not outgoing.data(slow, b"0123456789")
    assert outgoing.data(other, b"x")
    assert sent(http2, outgoing) == [(1, b"0123"), (3, b"x")]
    assert outgoing.pump() == []
    slow.window += 100
    outgoing.ready(slow)
    assert outgoing.pump() == [slow]
    assert sent(http2, outgoing) == [(1, b"456789")]


def test_a_window_below_zero_lets_nothing_through(http2):
    """After the peer has made its windows smaller (RFC 9113 section 6.9.2)."""
    outgoing, [stream] = opened(4)
    assert not outgoing.data(stream, b"0123456789")
    stream.window -= 10
    outgoing.ready(stream)
    assert outgoing.pump() == []
    stream.window += 11
    outgoing.ready(stream)
    assert outgoing.pump() == []
    assert sent(http2, outgoing) == [(1, b"0123"), (1, b"4")]


def test_streams_take_turns(http2):
    """A frame each when the connection's window opens: no long answer starves a short one."""
    outgoing, streams = opened(10**6, 10**6, 10**6)
    outgoing.window, outgoing.max_frame = 0, 10
    for stream, length in zip(streams, (40, 10, 20), strict=True):
        assert not outgoing.data(stream, bytes(length))
    outgoing.window = 1_000
    assert outgoing.pump() == [streams[1], streams[2], streams[0]]
    assert [stream for stream, _ in sent(http2, outgoing)] == [1, 3, 5, 1, 5, 1, 1]


def test_a_socket_that_is_full_stops_messages_only(http2):
    """Frames of control go on; messages wait until it takes more."""
    outgoing, [stream] = opened(100)
    outgoing.writable = False
    outgoing.control(b"\0\0\0\4\1\0\0\0\0")
    assert not outgoing.data(stream, b"x")
    assert not outgoing.more
    assert [payload for _, payload in sent(http2, outgoing)] == [b""]
    outgoing.writable = True
    assert outgoing.more
    assert outgoing.pump() == [stream]


def test_a_batch_is_bounded():
    """However wide the windows are, so much is made ready at a time, and the rest is known to wait for nothing else."""
    outgoing, [stream] = opened(2**30)
    outgoing.window = 2**30
    assert not outgoing.data(stream, bytes(10 * BATCH_BYTES))
    taken = 0
    while outgoing.more:
        batch = sum(map(len, outgoing.take()))
        assert batch <= BATCH_BYTES + 70_000
        taken += batch
        outgoing.pump()
    assert stream.pending is None
    assert taken + sum(map(len, outgoing.take())) > 10 * BATCH_BYTES


STEP = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 2), st.integers(1, 60)),
    st.tuples(st.just("stream"), st.integers(0, 2), st.integers(-40, 60)),
    st.tuples(st.just("connection"), st.just(0), st.integers(1, 60)),
    st.tuples(st.just("take"), st.just(0), st.just(0)),
)


@given(st.lists(STEP, max_size=40))
def test_all_arrives_in_order_and_within_the_windows(steps):
    """Whatever the peer does to its windows: each stream's bytes come whole, in order, and never beyond them."""
    outgoing, streams = opened(30, 30, 30)
    outgoing.window, outgoing.max_frame = 50, 16
    given_out, connection = [30, 30, 30], 50
    wanted, got = [b"", b"", b""], [b"", b"", b""]

    def take():
        data, offset = b"".join(outgoing.take()), 0
        while offset < len(data):
            length = int.from_bytes(data[offset : offset + 3], "big")
            assert length <= 16
            number = int.from_bytes(data[offset + 5 : offset + 9], "big") // 2
            got[number] += data[offset + 9 : offset + 9 + length]
            offset += 9 + length

    for kind, number, count in steps:
        stream = streams[number]
        if kind == "send" and stream.pending is None:
            message = bytes((len(wanted[number]) % 256,)) * count
            wanted[number] += message
            outgoing.data(stream, message)
        elif kind == "stream":
            stream.window += count
            given_out[number] += count
            outgoing.ready(stream)
        elif kind == "connection":
            outgoing.window += count
            connection += count
        outgoing.pump()
        take()
        assert outgoing.window == connection - sum(map(len, got)) >= 0
        for each, stream_ in enumerate(streams):
            assert stream_.window == given_out[each] - len(got[each])
            # Nothing waits that could go.
            assert stream_.pending is None or stream_.window <= 0 or outgoing.window == 0
    for stream in streams:
        stream.window += 10_000
        outgoing.ready(stream)
    outgoing.window += 10_000
    outgoing.pump()
    take()
    assert got == wanted
