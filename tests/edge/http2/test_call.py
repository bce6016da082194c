"""One call: what its peer may send, and how it ends."""

import asyncio

import pytest

from extproc.http2.status import Status


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


WIDE = {"settings": b"\0\x04\x7f\xff\xff\xff"}


async def opened(connect, http2):
    """A peer that takes whatever it is sent."""
    peer = await connect(**WIDE)
    peer.send(http2.frame(8, 0, 0, b"\x7f\xff\0\0"))
    return peer


def test_a_reader_that_is_slow_slows_its_peer(http2):
    """The window is taken and nothing beyond it; once the handler reads, messages come however long they are."""
    window, data = 100_000, http2.message(bytes(350_000)) * 3

    async def play(connect, service, _):
        peer = await opened(connect, http2)
        peer.open(1, path=b"/a.B/Later")
        await http2.until(lambda: service.open == 1)
        sender = http2.Sender(peer, 1, data, window)
        await sender.until_still()
        unread = sender.sent
        service.go_on.set()
        while sender.sent < len(data):
            await sender.until_still()
        peer.send(http2.frame(0, 1, 1))
        await peer.trailers()
        return unread, b"".join(payload for kind, _, _, payload in peer.heard if kind == 0)

    (unread, got), _ = http2.run(play, stream_window=window, max_message_bytes=350_000)
    assert unread == window
    assert got == data


def test_a_message_as_long_as_the_window_needs_no_room(http2):
    """Also after others were read of which the peer was not told yet."""
    window = 100_000
    data = http2.message(bytes(20_000)) + http2.message(bytes(window - 5)) * 2

    async def play(connect, _, carrier):
        peer = await opened(connect, http2)
        peer.open(1)
        sender = http2.Sender(peer, 1, data, window)
        while sender.sent < len(data):
            await sender.until_still()
        return carrier._room.used

    used, _ = http2.run(play, stream_window=window, max_large_bytes=1)
    assert used == 0


def test_large_messages_take_turns(http2):
    """Two do not fit together: the second comes when the first one's handler has answered it."""
    window, data = 100_000, http2.message(bytes(350_000))

    async def play(connect, service, carrier):
        peer = await opened(connect, http2)
        senders = []
        for stream_id in (1, 3):
            peer.open(stream_id, path=b"/a.B/Holding")
            senders.append(http2.Sender(peer, stream_id, data, window))
        for sender in senders:
            await sender.until_still()
        await senders[0].until_still()
        before = [sender.sent for sender in senders], carrier._room.used, carrier._room.waiting
        service.go_on.set()
        while senders[1].sent < len(data):
            await senders[1].until_still()
        return before, carrier._room.waiting

    (before, waiting), _ = http2.run(play, stream_window=window, max_large_bytes=600_000)
    assert before == ([len(data), window], len(data), 1)
    assert waiting == 0


def test_calls_that_stand_still_do_not_keep_others_from_theirs(http2):
    """As many as fill the connection's window and the room for large messages, all unread: one more is served."""
    window, data = 10_000, http2.message(bytes(50_000))

    async def play(connect, service, carrier):
        peer = await opened(connect, http2)
        for stream_id in range(3, 43, 2):
            peer.open(stream_id, path=b"/a.B/Later")
            await http2.Sender(peer, stream_id, data, window).until_still()
        peer.open(43)
        sender = http2.Sender(peer, 43, data, window)
        while sender.sent < len(data):
            await sender.until_still()
        [link] = carrier._links
        return service.open, link.holding, carrier._room.waiting

    found, _ = http2.run(play, stream_window=window, connection_window=100_000, max_large_bytes=60_000)
    assert found == (21, 20 * window, 0)


@pytest.mark.parametrize("how", ["reset", "end"])
def test_a_call_that_ends_leaves_its_place(http2, how):
    """Whether it had its room or waited for it: the next large message is let in."""
    window, data = 10_000, http2.message(bytes(50_000))

    async def play(connect, _, carrier):
        peer = await opened(connect, http2)
        for stream_id in (1, 3, 5):
            peer.open(stream_id)
            sender = http2.Sender(peer, stream_id, data, window)
            sender.data = data[:20_000] if stream_id < 5 else data
            await sender.until_still()
        before = carrier._room.used, carrier._room.waiting
        for stream_id in (3, 1):
            peer.send(http2.frame(3, 0, stream_id, b"\0\0\0\x08") if how == "reset" else http2.frame(0, 1, stream_id))
        while sender.sent < len(data):
            await sender.until_still()
        return before

    before, _ = http2.run(play, stream_window=window, max_large_bytes=60_000)
    assert before == (50_005, 2)


def test_a_large_message_that_does_not_come_whole(http2):
    """Ends its call: others wait for its room."""

    async def play(connect, _, carrier):
        peer = await opened(connect, http2)
        peer.open(1, http2.message(bytes(50_000))[:5_000])
        return *await peer.trailers(), carrier._room.used

    found, _ = http2.run(play, stream_window=10_000, large_seconds=0.01)
    assert found == (Status.RESOURCE_EXHAUSTED, "a message that does not come whole", 0)


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


def test_a_peer_that_takes_no_answers_does_not_keep_others_from_their_messages(http2):
    """A handler keeps its message's room while its answer goes out, but not for ever."""
    window, data = 10_000, http2.message(bytes(50_000))

    async def play(connect, _, carrier):
        peer = await connect(settings=b"\0\x04\0\0\0\0")
        for stream_id in (1, 3, 5):
            peer.open(stream_id)
            sender = http2.Sender(peer, stream_id, data, window)
            while sender.sent < len(data):
                await sender.until_still()
                # A peer that asks without a pause is sent away (limits.pings).
                await asyncio.sleep(0.005)
        await http2.until(lambda: not carrier._room.used)
        [link] = carrier._links
        return link.holding, link.connection.streams

    found, _ = http2.run(play, stream_window=window, max_large_bytes=60_000, stall_seconds=0.01)
    assert found == (0, 3)
