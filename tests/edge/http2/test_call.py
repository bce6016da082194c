"""One call: what its peer may send, and how it ends."""

import asyncio

import pytest

from extproc.http2.status import Status

MIB = 2**20


@pytest.mark.parametrize(
    ("sent", "end", "status"),
    [
        pytest.param([b"\1\0\0\0\1x"], False, Status.UNIMPLEMENTED, id="compressed"),
        pytest.param([b"\0\0\1\0\0"], False, Status.RESOURCE_EXHAUSTED, id="too long"),
        pytest.param([b"\0\0\0\0\5abc"], True, Status.INTERNAL, id="ended within a message"),
        pytest.param([b"\0\0"], True, Status.INTERNAL, id="ended within a prefix"),
    ],
)
@pytest.mark.parametrize("path", [b"/a.B/Stream", b"/a.B/Later", b"/a.B/Unary"])
def test_what_a_peer_may_not_send(http2, sent, end, status, path):
    """Ends the call with its status, wherever the handler is, and the handler too."""

    async def play(connect, service, _):
        peer = await connect()
        peer.open(1, *sent, path=path, end=end)
        told = await peer.trailers()
        return told[0], service.open

    (told, open_), logged = http2.run(play, max_message_bytes=1_000)
    assert (told, open_) == (status, 0)
    assert logged == []


def test_a_unary_call_without_a_message(http2):
    """Is an error of the client's."""

    async def play(connect, *_):
        peer = await connect()
        peer.open(1, path=b"/a.B/Unary", end=True)
        return await peer.trailers()

    assert http2.run(play)[0][0] == Status.INTERNAL


def test_a_message_in_pieces(http2):
    """Cut anywhere, over many frames, it is one."""

    async def play(connect, *_):
        peer = await connect()
        said = http2.message(b"abc") + http2.message() + http2.message(b"de")
        peer.open(1, *(bytes((byte,)) for byte in said), end=True)
        await peer.trailers()
        return b"".join(payload for kind, _, _, payload in peer.heard if kind == 0)

    assert http2.run(play)[0] == http2.message(b"abc") + http2.message() + http2.message(b"de")


def test_a_reader_that_is_slow_slows_its_peer(http2):
    """One message and the window after it are taken, and the rest when they are read; a longer message comes whole."""
    window, length = 100_000, 350_000

    async def play(connect, service, _):
        peer = await connect(settings=b"\0\x04\0\xff\xff\xff")
        peer.send(http2.frame(8, 0, 0, b"\0\xff\xff\xff"))
        peer.open(1, path=b"/a.B/Later")
        await http2.until(lambda: service.open == 1)
        room, sent, data = window, 0, http2.message(bytes(length)) * 3
        rooms = []

        async def answers(kind):
            nonlocal room
            while (heard := await peer.next())[0] != kind:
                room += int.from_bytes(heard[3], "big") if heard[0] == 8 and heard[2] == 1 else 0

        # As much as it may, asking with a PING whether it may more; until nothing is given back any more.
        while room:
            part = data[sent : sent + min(room, 16_384)]
            sent, room = sent + len(part), room - len(part)
            peer.send(http2.frame(0, 0, 1, part), http2.frame(6, 0, 0, bytes(8)))
            await answers(6)
        rooms.append(sent)
        service.go_on.set()
        await answers(1)
        while sent < len(data):
            part = data[sent : sent + min(room, 16_384)]
            if part:
                sent, room = sent + len(part), room - len(part)
                peer.send(http2.frame(0, 0, 1, part))
            else:
                heard = await peer.next()
                room += int.from_bytes(heard[3], "big") if heard[0] == 8 and heard[2] == 1 else 0
        peer.send(http2.frame(0, 1, 1))
        await peer.trailers()
        got = b"".join(payload for kind, _, _, payload in peer.heard if kind == 0)
        return rooms, got == data

    (rooms, whole), _ = http2.run(play, stream_window=window, max_message_bytes=length)
    assert length < rooms[0] <= length + 5 + window
    assert whole


@pytest.mark.parametrize(
    ("limits", "messages"),
    [
        ({"max_held_bytes": 10_000}, [b"x" * 6_000] * 2),
        ({"max_held_bytes": 5_000, "max_unread_messages": 5}, [b""] * 6),
    ],
)
def test_what_nobody_reads_is_bounded(http2, limits, messages):
    """By bytes in all calls together, and by number in each: the call that asks for more is ended."""

    async def play(connect, service, carrier):
        peer = await connect()
        peer.open(1, path=b"/a.B/Later")
        await http2.until(lambda: service.open == 1)
        peer.send(*(http2.frame(0, 0, 1, http2.message(each)) for each in messages))
        told = await peer.trailers()
        [connection] = carrier._links
        return told[0], connection.holding

    (status, holding), _ = http2.run(play, **limits)
    assert (status, holding) == (Status.RESOURCE_EXHAUSTED, 0)


def test_a_peer_that_goes_on_after_the_end(http2):
    """Frames that were on their way are let pass, and the next call has all of the connection's window."""

    async def play(connect, *_):
        peer = await connect()
        for stream in range(1, 41, 2):
            peer.open(stream, b"\1\0\0\0\0", *[bytes(10_000)] * 5)
            await peer.trailers(stream)
        peer.open(41, *(http2.message(bytes(10_000)) for _ in range(6)))
        got = 0
        while got < 6:
            kind, _, stream, _ = await peer.next()
            got += kind == 0 and stream == 41
        return {kind for kind, *_ in peer.heard}

    kinds, _ = http2.run(play, stream_window=100_000, connection_window=200_000)
    assert 7 not in kinds


def test_the_answer_that_waits_comes_before_the_end(http2):
    """A deadline that cuts a handler off while its message waits for the window: the message, then the trailers."""

    async def play(connect, service, _):
        peer = await connect(settings=b"\0\x04\0\0\0\x0a")
        peer.open(1, path=b"/a.B/Writer", grpc_timeout=b"50m")
        await peer.until(0)
        await http2.until(lambda: service.ended == 1)
        peer.send(http2.frame(8, 0, 0, b"\0\2\0\0"), http2.frame(8, 0, 1, b"\0\2\0\0"))
        status = await peer.trailers()
        return status[0], sum(len(payload) for kind, _, _, payload in peer.heard if kind == 0)

    assert http2.run(play)[0] == (Status.DEADLINE_EXCEEDED, 100_005)


def test_handlers_end_with_the_process(http2):
    """Whatever cancels them, the peer is told that the call did not end well."""

    async def play(connect, service, carrier):
        peer = await connect()
        peer.open(1)
        await http2.until(lambda: service.open == 1)
        [connection] = carrier._links
        connection._calls[1]._task.cancel()
        return await peer.trailers(), await asyncio.sleep(0, service.open)

    (told, open_), _ = http2.run(play)
    assert (told[0], open_) == (Status.UNAVAILABLE, 0)
