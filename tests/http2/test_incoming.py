"""What a client may not do, and what becomes of it: by sections of RFC 9113, and by the limits."""

import pytest
from hpack import Encoder

from extproc.http2 import events
from extproc.http2.faults import ErrorCode
from extproc.http2.frames import LARGEST
from extproc.http2.limits import Limits, Rate

P, F, S, W, C, CALM = (
    ErrorCode.PROTOCOL_ERROR,
    ErrorCode.FRAME_SIZE_ERROR,
    ErrorCode.STREAM_CLOSED,
    ErrorCode.FLOW_CONTROL_ERROR,
    ErrorCode.COMPRESSION_ERROR,
    ErrorCode.ENHANCE_YOUR_CALM,
)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param([(0, 0, 0, b"x")], P, id="6.1 DATA of no stream"),
        pytest.param([(0, 0, 3, b"x")], P, id="5.1 DATA on an idle stream"),
        pytest.param([(0, 0, 2, b"x")], P, id="5.1.1 DATA on a stream of the server's"),
        pytest.param([(0, 8, 1, b"")], F, id="6.1 padded DATA without a length"),
        pytest.param([(0, 8, 1, b"\x05abcd")], P, id="6.1 more padding than payload"),
        pytest.param([(1, 4, 0, b"\x82")], P, id="6.2 HEADERS of no stream"),
        pytest.param([(1, 4, 2, b"\x82")], P, id="5.1.1 HEADERS with an even number"),
        pytest.param([(1, 12, 3, b"\x05\x82")], P, id="6.2 HEADERS with too much padding"),
        pytest.param([(1, 36, 3, b"\0\0")], F, id="6.2 HEADERS without its priority"),
        pytest.param([(1, 4, 3, b"\xff\xff")], C, id="4.3 HEADERS that are no HPACK"),
        pytest.param([(1, 0, 3, b"\x82"), (0, 0, 1, b"x")], P, id="6.10 DATA within a header block"),
        pytest.param([(1, 0, 3, b"\x82"), (9, 4, 5, b"\x82")], P, id="6.10 CONTINUATION of another stream"),
        pytest.param([(1, 0, 3, b"\x82"), (99, 0, 3, b"")], P, id="5.5 an unknown frame within a header block"),
        pytest.param([(9, 4, 1, b"\x82")], P, id="6.10 CONTINUATION of nothing"),
        pytest.param([(2, 0, 0, bytes(5))], P, id="6.3 PRIORITY of no stream"),
        pytest.param([(2, 0, 1, bytes(4))], F, id="6.3 PRIORITY of a wrong length"),
        pytest.param([(3, 0, 0, bytes(4))], P, id="6.4 RST_STREAM of no stream"),
        pytest.param([(3, 0, 7, bytes(4))], P, id="6.4 RST_STREAM of an idle stream"),
        pytest.param([(3, 0, 1, bytes(3))], F, id="6.4 RST_STREAM of a wrong length"),
        pytest.param([(4, 0, 1, b"")], P, id="6.5 SETTINGS of a stream"),
        pytest.param([(4, 1, 0, bytes(6))], F, id="6.5 SETTINGS acknowledged with a payload"),
        pytest.param([(4, 0, 0, bytes(5))], F, id="6.5 SETTINGS of a wrong length"),
        pytest.param([(4, 0, 0, b"\0\x04\xff\xff\xff\xff")], W, id="6.5.2 a window over 2^31-1"),
        pytest.param([(8, 0, 1, (LARGEST - 65_535).to_bytes(4, "big")), (4, 0, 0, b"\0\x04\0\x02\0\0")], W,
                     id="6.9.2 a setting that takes a stream's window over 2^31-1"),
        pytest.param([(5, 4, 1, bytes(5))], P, id="8.4 PUSH_PROMISE from a client"),
        pytest.param([(6, 0, 1, bytes(8))], P, id="6.7 PING of a stream"),
        pytest.param([(6, 0, 0, bytes(7))], F, id="6.7 PING of a wrong length"),
        pytest.param([(7, 0, 1, bytes(8))], P, id="6.8 GOAWAY of a stream"),
        pytest.param([(7, 0, 0, bytes(7))], F, id="6.8 GOAWAY of a wrong length"),
        pytest.param([(8, 0, 0, bytes(4))], P, id="6.9 WINDOW_UPDATE of 0"),
        pytest.param([(8, 0, 0, bytes(3))], F, id="6.9 WINDOW_UPDATE of a wrong length"),
        pytest.param([(8, 0, 9, b"\0\0\0\1")], P, id="5.1 WINDOW_UPDATE of an idle stream"),
        pytest.param([(8, 0, 0, b"\x7f\xff\xff\xff")], W, id="6.9.1 a connection's window over 2^31-1"),
        pytest.param([(3, 0, 1, bytes(4)), (1, 4, 1, b"\x82")], S, id="5.1 HEADERS on a stream that was reset"),
    ],
)  # fmt: skip
def test_errors_of_the_connection(http2, sent, code):
    """Told by GOAWAY with the section's code and the last stream; all is over then."""
    client = http2.Client()
    client.open(1)
    told = [event for frame in sent for event in client.send(http2.raw(*frame))]
    assert type(told[-1]) is events.ConnectionEnded
    assert told[-1].code is code
    assert client.goaway == code
    assert client.connection.ended
    assert client.send(http2.raw(6, 0, 0, bytes(8))) == []


MALFORMED = [(b":method", b"POST"), (b"x", b"y")]


@pytest.mark.parametrize(
    ("sent", "stream", "code"),
    [
        pytest.param([(0, 1, 1, b"x"), (0, 0, 1, b"x")], 1, S, id="5.1 DATA after the end"),
        pytest.param([(0, 1, 1, b"x"), (1, 5, 1, b"\x00\x01a\x01b")], 1, S, id="5.1 HEADERS after the end"),
        pytest.param([(3, 0, 1, bytes(4)), (0, 0, 1, b"x")], 1, S, id="5.1 DATA on a stream that was reset"),
        pytest.param([(1, 4, 1, b"\x00\x01a\x01b")], 1, P, id="8.1 trailers that do not end"),
        pytest.param([(1, 5, 1, b"\x82")], 1, P, id="8.1 trailers with a pseudo-header field"),
        pytest.param([(8, 0, 1, bytes(4))], 1, P, id="6.9 WINDOW_UPDATE of 0"),
        pytest.param([(8, 0, 1, b"\x7f\xff\xff\xff")], 1, W, id="6.9.1 a window over 2^31-1"),
        pytest.param([(0, 0, 1, bytes(101))], 1, W, id="6.9 more than the stream's window"),
        pytest.param([(1, 4, 3, Encoder().encode(MALFORMED))], 3, P, id="8.1.1 a malformed request"),
    ],
)
def test_errors_of_a_stream(http2, sent, stream, code):
    """RST_STREAM with the section's code; the connection and its other streams go on."""
    client = http2.Client(stream_window=100)
    client.open(1)
    told = [event for frame in sent for event in client.send(http2.raw(*frame))]
    assert client.resets == {stream: code}
    assert stream != 1 or (3, 0) in [frame[:2] for frame in sent] or told[-1] == events.StreamReset(1)
    assert client.goaway is None
    assert type(client.open(5)[0]) is events.RequestReceived


@pytest.mark.parametrize(
    ("announced", "parts", "fits"),
    [(3, [(0, b"ab"), (1, b"c")], True), (0, [(1, b"")], True), (3, [(1, b"ab")], False), (1, [(0, b"ab")], False),
     (3, [(0, b"ab"), "trailers"], False), (2, [(0, b"ab"), "trailers"], True)],
)  # fmt: skip
def test_the_body_is_as_long_as_announced(http2, announced, parts, fits):
    """RFC 9113 section 8.1.1: anything else is a malformed request."""
    client = http2.Client()
    client.open(1, headers=[*http2.REQUEST, (b"content-length", b"%d" % announced)])
    for part in parts:
        client.send(http2.raw(1, 5, 1, b"\x00\x01a\x01b") if part == "trailers" else http2.raw(0, part[0], 1, part[1]))
    assert client.resets == ({} if fits else {1: P})


def test_a_request_without_a_body_may_not_announce_one(http2):
    """The same for one that ends with its head."""
    client = http2.Client()
    assert client.open(1, end_stream=True, headers=[*http2.REQUEST, (b"content-length", b"1")])[0].stream_id == 1
    assert client.resets == {1: P}


def test_frames_under_way_to_a_stream_that_we_have_ended_are_let_pass(http2):
    """The peer could not know; its DATA still counts on the connection's window (section 5.1)."""
    client = http2.Client(connection_window=100_000)
    client.open(1)
    client.connection.reset(1, ErrorCode.CANCEL)
    for _ in range(10):
        assert client.send(http2.raw(0, 0, 1, bytes(10_000))) == []
    assert client.send(http2.raw(1, 5, 1, b"\x00\x01a\x01b")) == []
    assert client.send(http2.raw(3, 0, 1, bytes(4))) == []
    assert client.send(http2.raw(8, 0, 1, b"\0\0\0\1")) == []
    assert (client.resets, client.goaway) == ({1: ErrorCode.CANCEL}, None)
    assert sum(kind == 8 and stream == 0 for kind, _, stream, _ in client.answers) == 2


def test_the_table_is_kept_up_by_blocks_that_count_for_nothing(http2):
    """A refused stream's head is decoded all the same: the next one refers to it (section 4.3)."""
    client, encoder = http2.Client(max_concurrent_streams=1), Encoder()
    client.send(http2.raw(1, 4, 1, encoder.encode([*http2.REQUEST[:3], (b":path", b"/first")])))
    client.send(http2.raw(1, 4, 3, encoder.encode([*http2.REQUEST[:3], (b":path", b"/second")])))
    assert client.resets == {3: ErrorCode.REFUSED_STREAM}
    client.send(http2.raw(3, 0, 1, bytes(4)))
    [opened] = client.send(http2.raw(1, 4, 5, encoder.encode([*http2.REQUEST[:3], (b":path", b"/second")])))
    assert opened.head.fields[b":path"] == b"/second"


def test_priorities_padding_and_unknown_frames_change_nothing(http2):
    """RFC 9113 sections 5.3.2, 6.1 and 5.5."""
    client = http2.Client()
    padded = b"\x03" + bytes(5) + http2.block() + bytes(3)
    [opened] = client.send(http2.raw(1, 4 | 8 | 32, 1, padded))
    assert opened.head.fields[b":path"] == b"/service/Method"
    assert client.send(http2.raw(2, 0, 99, bytes(5))) == []
    assert client.send(http2.raw(0xFA, 255, 1, b"whatever")) == []
    assert client.send(http2.raw(7, 0, 0, bytes(8) + b"bye")) == []
    assert client.send(http2.raw(0, 8 | 1, 1, b"\x02abc\0\0")) == [events.DataReceived(1, b"abc", ended=True)]
    assert client.answers == []


def test_a_ping_is_answered_with_what_it_carries(http2):
    """And an answer is not answered."""
    client = http2.Client()
    assert client.send(http2.raw(6, 0, 0, b"12345678") + http2.raw(6, 1, 0, b"87654321")) == []
    assert client.answers == [(6, 1, 0, b"12345678")]


NEW, HEAD = -1, b"the head of a request"
# What each flood repeats; NEW is a stream of its own each time.
FLOODS = {
    "ping (CVE-2019-9512)": [(6, 0, 0, bytes(8))],
    "ping answers": [(6, 1, 0, bytes(8))],
    "settings (CVE-2019-9515)": [(4, 0, 0, b"\0\x04\0\0\0\1")],
    "settings acknowledged": [(4, 1, 0, b"")],
    "rapid reset (CVE-2023-44487)": [(1, 4, NEW, HEAD), (3, 0, NEW, bytes(4))],
    "made to reset (CVE-2025-8671)": [(1, 4, NEW, HEAD), (8, 0, NEW, bytes(4))],
    "malformed requests": [(1, 4, NEW, b"\x82")],
    "empty DATA (CVE-2019-9518)": [(0, 0, 1, b"")],
    "padded nothing": [(0, 8, 1, b"\x02\0\0")],
    "priority (CVE-2019-9513)": [(2, 0, 1, bytes(5))],
    "unknown frames": [(0xEE, 0, 1, b"")],
    "window updates": [(8, 0, 1, b"\0\0\0\1")],
    "window updates of the connection": [(8, 0, 0, b"\0\0\0\1")],
    "goaway": [(7, 0, 0, bytes(8))],
    "resets of a closed stream": [(3, 0, 1, bytes(4))],
}


def turn(http2, flood, number):
    """One turn of a flood, as bytes."""
    return b"".join(
        http2.raw(
            kind, flags, 2 * number + 3 if stream == NEW else stream, http2.block() if payload is HEAD else payload
        )
        for kind, flags, stream, payload in FLOODS[flood]
    )


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_the_connection(http2, flood):
    """After what the limits allow at once, at the latest; what came until then took no memory."""
    client = http2.Client(connection_window=2**31 - 1)
    client.open(1)
    limits = Limits()
    rates = (limits.unanswered_resets, limits.provoked_resets, limits.pings, limits.settings, limits.idle_frames)
    for number in range(max(rate.burst for rate in rates) + 2):
        if client.send(turn(http2, flood, number)) and client.connection.ended:
            break
    assert client.goaway == CALM
    assert client.connection.streams <= 2


@pytest.mark.parametrize("flood", FLOODS)
def test_the_same_over_time_is_none(http2, flood):
    """One of them every second harms nobody."""
    client = http2.Client(**{name: Rate(burst=2, per_second=1) for name in (
        "unanswered_resets", "provoked_resets", "pings", "settings", "idle_frames")})  # fmt: skip
    client.open(1)
    for number in range(20):
        client.now += 1.0
        client.send(turn(http2, flood, number))
    assert client.goaway is None


@pytest.mark.parametrize("part", [b"", b"x" * 16_384])
def test_a_header_block_without_end(http2, part):
    """CONTINUATION for ever, with bytes or without, is ended soon (CVE-2024-27316)."""
    client = http2.Client()
    client.send(http2.raw(1, 0, 1, b""))
    sent = 0
    while client.goaway is None:
        client.send(http2.raw(9, 0, 1, part))
        sent += 1
    assert client.goaway == CALM
    assert sent <= Limits().max_continuations + 1


def test_a_header_block_in_parts(http2):
    """Cut anywhere, it is the same request."""
    block = http2.block()
    client = http2.Client()
    client.send(http2.raw(1, 1, 1, block[:3]) + http2.raw(9, 0, 1, block[3:20]))
    [opened] = client.send(http2.raw(9, 4, 1, block[20:]))
    assert (opened.head.fields[b":path"], opened.ended) == (b"/service/Method", True)


def test_more_than_the_connections_window(http2):
    """FLOW_CONTROL_ERROR of the connection (section 6.9.1), whatever the stream's window says."""
    client = http2.Client(stream_window=200_000, connection_window=70_000)
    client.open(1)
    data = http2.raw(0, 0, 1, bytes(10_000))
    client.send(data * 4)
    client.send(data * 6)
    assert client.goaway is None
    # In one go: the peer cannot have heard of what is given back meanwhile.
    client.connection._streams._window.left = 5_000
    client.send(data)
    assert client.goaway == W


def test_resets_after_an_answer_are_not_counted(http2):
    """Envoy ends every exchange so."""
    client = http2.Client(unanswered_resets=Rate(burst=3, per_second=0))
    for stream_id in range(1, 201, 2):
        client.open(stream_id)
        client.connection.send_headers(stream_id, b"\x88")
        assert client.send(http2.raw(3, 0, stream_id, bytes(4))) == [events.StreamReset(stream_id)]
    assert client.goaway is None
    assert client.connection.streams == 0
