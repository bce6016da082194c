"""One connection: peers that leave, that break the protocol, that do not read; and its end in order."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.edge.http2 import link, server
from extproc.http2.faults import ErrorCode
from extproc.http2.limits import Rate
from extproc.http2.status import Status


def test_calls_share_a_connection(http2):
    """A hundred at once, each with its own answer."""

    async def play(connect, service, _):
        peer = await connect()
        for number in range(100):
            peer.open(2 * number + 1, http2.message(b"%d" % number))
        answers = {}
        while len(answers) < 100:
            _, _, stream, payload = await peer.until(0)
            answers[stream] = payload
        assert service.open == 100
        return answers

    answers, _ = http2.run(play)
    assert answers == {2 * number + 1: http2.message(b"%d" % number) for number in range(100)}


@pytest.mark.parametrize("how", ["abort", "half", "reset"])
def test_a_peer_that_leaves(http2, how):
    """Every open call's handler comes to its end, wherever it waits."""

    async def play(connect, service, _):
        peer = await connect()
        peer.open(1, http2.message(b"x"))
        peer.open(3, path=b"/a.B/Later")
        peer.open(5, path=b"/a.B/Writer")
        await http2.until(lambda: service.open == 3)
        if how == "abort":
            peer.writer.transport.abort()
        elif how == "half":
            peer.writer.write_eof()
        else:
            peer.send(*(http2.frame(3, 0, stream, bytes(4)) for stream in (1, 3, 5)))
        await http2.until(lambda: service.ended == 3)
        return service.open

    open_, logged = http2.run(play)
    assert open_ == 0
    assert logged == []


FLOODS = {
    "ping": lambda frame: frame(6, 0, 0, b"SECRET!!"),
    "settings": lambda frame: frame(4, 0, 0),
    "empty": lambda frame: frame(0, 0, 1),
    "unknown": lambda frame: frame(0xFF, 0, 1, b"SECRET"),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_the_connection_and_no_other(http2, flood):
    """GOAWAY says why, the log too, without a byte of the peer's; its calls' handlers end, others' do not."""

    async def play(connect, service, _):
        peer, other = await connect(), await connect()
        peer.open(1, http2.message(b"x"))
        other.open(1)
        await http2.until(lambda: service.open == 2)
        peer.send(FLOODS[flood](http2.frame) * 100)
        codes = await peer.closed()
        await http2.until(lambda: service.ended == 1)
        other.send(http2.frame(0, 0, 1, http2.message(b"still here")))
        return codes, (await other.until(0))[3]

    few = Rate(burst=20, per_second=0)
    (codes, answer), logged = http2.run(play, pings=few, settings=few, idle_frames=few)
    assert codes == [ErrorCode.ENHANCE_YOUR_CALM]
    assert answer == http2.message(b"still here")
    assert [line["code"] for line in logged] == ["ENHANCE_YOUR_CALM"]
    assert "SECRET" not in json.dumps(logged)


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", bytes(100)])
def test_another_protocol_is_hung_up_on(http2, said):
    """At once."""

    async def play(connect, *_):
        peer = await connect(begin=False)
        peer.send(said)
        return await peer.closed()

    codes, _ = http2.run(play)
    assert codes == [ErrorCode.PROTOCOL_ERROR]


def test_a_peer_that_says_nothing_is_hung_up_on(http2):
    """After preface_seconds; one that has shown what it speaks may be silent."""

    async def play(connect, *_):
        silent, idle = await connect(begin=False), await connect()
        await silent.closed()
        idle.open(1, http2.message(b"x"))
        return (await idle.until(0))[3]

    answer, _ = http2.run(play, preface_seconds=0.2)
    assert answer == http2.message(b"x")


def test_a_peer_that_does_not_read_is_hung_up_on(http2):
    """Answers to its PINGs pile up in the socket's buffer to the limit, and no further."""

    async def play(connect, service, carrier):
        peer = await connect()
        peer.open(1)
        await http2.until(lambda: service.open == 1)
        [connection] = carrier._links
        most = 0
        while service.open:
            peer.send(http2.frame(6, 0, 0, bytes(8)) * 1_000)
            most = max(most, connection._transport.get_write_buffer_size())
            await asyncio.sleep(0)
        return most

    most, logged = http2.run(play, pings=Rate(burst=10**9, per_second=0), max_unsent_bytes=2**21)
    assert 2**20 < most < 2**22
    assert [line["code"] for line in logged] == ["ENHANCE_YOUR_CALM"]


def test_a_peer_that_opens_no_window_holds_its_own_calls_up_only(http2):
    """Its handler waits in write; other calls of the connection go on."""

    async def play(connect, service, _):
        peer = await connect(settings=b"\0\x04\0\0\0\0")
        peer.open(1, path=b"/a.B/Writer")
        peer.open(3)
        await http2.until(lambda: service.open == 2)
        peer.send(http2.frame(8, 0, 3, b"\0\0\1\0"), http2.frame(0, 0, 3, http2.message(b"x")))
        answer = await peer.until(0)
        return answer, service.open

    (answer, open_), _ = http2.run(play)
    assert (answer, open_) == ((0, 0, 3, http2.message(b"x")), 2)


def test_calls_that_are_over_before_they_began(http2):
    """Opened and reset in one breath: nothing of them is left, and no handler hangs."""

    async def play(connect, service, carrier):
        peer = await connect()
        for number in range(50):
            peer.send(http2.frame(1, 4, 2 * number + 1, http2.head()), http2.frame(3, 0, 2 * number + 1, bytes(4)))
        peer.open(201, http2.message(b"x"))
        await peer.until(0, 201)
        [connection] = carrier._links
        return list(connection._calls), connection.holding, service.open

    (calls, holding, open_), _ = http2.run(play)
    assert (calls, holding, open_) == ([201], 0, 1)


def test_handlers_that_run_on_count_as_streams(http2):
    """A reset gives its place back when its handler is done: or resets were a way around the limit."""

    async def play(connect, service, _):
        peer = await connect()
        for stream in (1, 3):
            peer.open(stream, path=b"/a.B/Stubborn")
        await http2.until(lambda: service.open == 2)
        peer.send(http2.frame(3, 0, 1, bytes(4)), http2.frame(3, 0, 3, bytes(4)))
        peer.open(5)
        refused = await peer.until(3)
        service.go_on.set()
        await http2.until(lambda: service.open == 0)
        peer.open(7, http2.message(b"x"))
        return refused, await peer.until(0)

    (refused, answer), _ = http2.run(play, max_concurrent_streams=2)
    assert refused == (3, 0, 5, b"\0\0\0\7")
    assert answer[2] == 7


@pytest.mark.parametrize("fields", [{"content_type": b"text/html"}, {"method": b"GET"}, {"content_type": b""}])
def test_what_is_not_grpc(http2, fields):
    """Is told by HTTP's status, as gRPC wants it."""

    async def play(connect, *_):
        peer = await connect()
        peer.open(1, end=True, **fields)
        return (await peer.until(1))[3]

    answer, _ = http2.run(play)
    assert answer == {b":status": b"415"}


def test_the_end_in_order(http2):
    """GOAWAY for all, and after the peer's answer to a PING the last stream; open calls go on, then it is closed."""

    async def play(connect, _, carrier):
        peer = await connect()
        peer.open(1)
        peer.open(3, http2.message(b"x"))
        await peer.until(0)
        stopping = asyncio.create_task(carrier.stop(60))
        first = await peer.until(7)
        ping = await peer.until(6)
        # On its way when the peer heard of it.
        peer.open(5, http2.message(b"y"))
        peer.send(http2.frame(6, 1, 0, ping[3]))
        second = await peer.until(7)
        peer.open(7)
        refused = await peer.until(3)
        for stream in (1, 3, 5):
            peer.send(http2.frame(0, 1, stream))
        statuses = [(await peer.trailers(stream))[0] for stream in (1, 3, 5)]
        await peer.closed()
        await stopping
        return first[3][:4], second[3][:4], refused[2:], statuses

    (first, second, refused, statuses), _ = http2.run(play)
    assert (first, second) == (b"\x7f\xff\xff\xff", b"\0\0\0\5")
    assert refused == (7, b"\0\0\0\7")
    assert statuses == [Status.OK] * 3


def test_the_end_of_a_peer_that_does_not_answer(http2, monkeypatch):
    """One that never answers the PING is not waited for."""
    monkeypatch.setattr(link, "GOAWAY_SECONDS", 0.05)

    async def play(connect, _, carrier):
        idle, silent = await connect(), await connect(begin=False)
        await idle.next()
        await carrier.stop(60)
        return await idle.closed(), await silent.closed()

    (idle, silent), _ = http2.run(play)
    assert (idle, silent) == ([0, 0], [0, 0])


def test_the_end_of_a_peer_that_takes_nothing(http2, monkeypatch):
    """When the grace is over, calls that wait for its window are ended and the connection closed."""
    monkeypatch.setattr(link, "GOAWAY_SECONDS", 0.05)

    async def play(connect, service, carrier):
        peer = await connect(settings=b"\0\x04\0\0\0\0")
        peer.open(1, path=b"/a.B/Writer")
        await http2.until(lambda: service.open == 1)
        await carrier.stop(0.2)
        return service.open

    assert http2.run(play)[0] == 0


def test_the_end_of_a_peer_that_reads_late(http2, monkeypatch):
    """What waited for the socket goes out when the peer reads at last, and that ends the connection."""
    monkeypatch.setattr(link, "GOAWAY_SECONDS", 0.05)

    async def play(connect, service, carrier):
        peer = await connect(settings=b"\0\x04\x3f\xff\xff\xff")
        peer.send(http2.frame(8, 0, 0, b"\x3f\xff\xff\xff"))
        peer.writer.transport.pause_reading()
        peer.open(1, path=b"/a.B/Writer", end=True, grpc_timeout=b"300m")
        await http2.until(lambda: service.ended == 1)
        [connection] = carrier._links
        stopping = asyncio.create_task(carrier.stop(60))
        await http2.until(lambda: connection.connection.refusing)
        full = connection._full
        peer.writer.transport.resume_reading()
        status, _ = await peer.trailers()
        await peer.closed()
        await stopping
        return full, status

    assert http2.run(play)[0] == (True, Status.DEADLINE_EXCEEDED)


def test_the_end_of_a_peer_that_still_talks(http2, monkeypatch):
    """It gets all that was written: a socket that is closed on what it has not read would reset the connection."""
    monkeypatch.setattr(link, "GOAWAY_SECONDS", 0.05)

    async def play(connect, service, carrier):
        peer = await connect()
        await peer.next()
        peer.writer.transport.pause_reading()
        peer.open(1, http2.message(b"one"), end=True)
        await http2.until(lambda: service.ended == 1)
        [connection] = carrier._links
        stopping = asyncio.create_task(carrier.stop(60))
        await http2.until(lambda: connection._shut)
        peer.send(http2.frame(6, 0, 0, b"12345678"))
        await asyncio.sleep(0.05)
        peer.writer.transport.resume_reading()
        status = await peer.trailers()
        codes = await peer.closed()
        peer.writer.close()
        await stopping
        return status[0], codes

    assert http2.run(play)[0] == (Status.OK, [0, 0])


def test_the_end_of_a_handler_that_does_not(http2, monkeypatch):
    """It is cancelled, waited for a while, and left: the process can end."""
    monkeypatch.setattr(server, "CUT_SECONDS", 0.1)

    async def play(connect, service, carrier):
        peer = await connect()
        peer.open(1, path=b"/a.B/Stubborn")
        await http2.until(lambda: service.open == 1)
        await carrier.stop(0.1)
        left = service.open
        service.go_on.set()
        await http2.until(lambda: not carrier._links)
        return left

    assert http2.run(play)[0] == 1


ANY_FRAME = st.tuples(
    st.sampled_from([0, 0, 0, 1, 1, 3, 4, 6, 7, 8, 9, 0xEE]),
    st.sampled_from([0, 0, 1, 4, 4, 5, 8, 255]),
    st.sampled_from([0, 1, 1, 3, 3, 5, 7]),
    st.one_of(
        st.sampled_from(["echo", "later", "writer", "unary", "none"]),
        st.sampled_from([b"\0\0\0\0\1x", b"\0\0\0\0", b"\0\0\0\5abc", b"\1\0\0\0\1x", b"", bytes(8), b"\0\4\0\0\0\0"]),
        st.binary(max_size=12),
    ),
)
PATHS = {"echo": b"/a.B/Stream", "later": b"/a.B/Later", "writer": b"/a.B/Writer", "unary": b"/a.B/Unary", "none": b"/"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(ANY_FRAME, min_size=1, max_size=25))
def test_frames_of_any_kind_harm_nobody_else(http2, sent):
    """Whatever one peer sends, another is served, nothing fails in the server, and every handler comes to its end."""

    async def play(connect, *_):
        wild, other = await connect(), await connect()
        for kind, flags, stream, payload in sent:
            wild.send(http2.frame(kind, flags, stream, http2.head(PATHS[payload]) if payload in PATHS else payload))
            await asyncio.sleep(0)
        other.open(1, http2.message(b"x"))
        return (await other.until(0))[3]

    answer, logged = http2.run(play, max_message_bytes=1_000)
    assert answer == http2.message(b"x")
    assert {line["event"] for line in logged} <= {"an HTTP/2 connection was given up"}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"5m", 0.005), (b"5u", 5e-6), (b"5n", 5e-9), (b"99999999S", 99_999_999),
     (b"", None), (None, None), (b"1", None), (b"-1S", None), (b"123456789S", None), (b"1s", None)],
)  # fmt: skip
def test_deadlines_are_read(value, seconds):
    """Digits and a unit; anything else is no deadline."""
    assert link._timeout(value) == (None if seconds is None else pytest.approx(seconds))
