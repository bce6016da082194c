"""The load generator: it must find the end of every answer, however it is cut, or its figures mean nothing."""

from __future__ import annotations

import asyncio
import time

import pytest
import uvloop

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nserver: x\r\n\r\nhello"
EMPTY = b"HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n0\r\n\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n"
)
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def outcome_of(load, answers: bytes, size: int, count: int):
    """What the generator says of a server that sends these answers, one per request, in pieces of `size` bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            for start in range(0, len(answer), size):
                writer.write(answer[start : start + size])
                await writer.drain()
                await asyncio.sleep(0)
        await reader.read()
        writer.close()

    outcome = load.Outcome()
    loop = asyncio.get_running_loop()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        # The deadline passes once as many answers as asked for have come.
        clock = iter(range(count))
        protocol = load.Connection(load.Varying(REQUEST, 0), time.perf_counter() + 60, outcome)
        asked = protocol._ask

        def ask() -> None:
            if next(clock, None) is None:
                protocol._deadline = 0.0
            asked()

        protocol._ask = ask
        await loop.create_connection(lambda: protocol, "127.0.0.1", port)
        await asyncio.wait_for(protocol.done, 30)
    return outcome


@pytest.mark.parametrize("size", [1, 2, 3, 7, 26, 1000])
def test_every_answer_is_found_whole(program, size):
    """Answers with a length, without a body and in chunks are each counted once, wherever they are cut."""
    load = program("load")
    answers = [WHOLE, CHUNKED, EMPTY, CHUNKED, WHOLE]
    outcome = uvloop.run(outcome_of(load, answers, size, len(answers)))
    assert outcome.statuses == {"200": 4, "503": 1}
    assert outcome.broken == 0
    assert len(outcome.whole) == len(outcome.first_byte) == 4
    assert all(0 < first <= whole for first, whole in zip(outcome.first_byte, outcome.whole, strict=True))


def test_connection_that_breaks_is_counted(program):
    """A connection that ends before the deadline is a failure, not a silent pause."""
    load = program("load")

    async def scenario():
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(WHOLE[:-2])
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            return await load.load(server.sockets[0].getsockname()[1], REQUEST, 3, 60.0)

    outcome = uvloop.run(scenario())
    assert outcome.broken == 3
    assert outcome.whole == []


def test_connections_begin_over_the_ramp_and_text_is_timed(program):
    """Connections begin one after the other; what the generator took itself is told, and times of text in ms."""
    load = program("load")
    began: list[float] = []
    chunk = b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n21\r\ndata: {"delta":{"content":"Hi"}}\n\r\n'

    async def scenario():
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            began.append(time.perf_counter())
            while await reader.readline():
                await reader.readline()
                await reader.readline()
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(0.03)
                writer.write(b'21\r\ndata: {"delta":{"content":"Hi"}}\n\r\n0\r\n\r\n')
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await load.load(port, REQUEST, 4, 0.3, ramp=0.2, texts=True)

    outcome = uvloop.run(scenario())
    assert began == sorted(began)
    assert len(began) == 4
    assert outcome.broken == 0
    assert set(outcome.statuses) == {"200"}
    # Nothing is noted of the ramp.
    assert 0 < len(outcome.first_text) < len(outcome.whole)
    assert outcome.gaps
    assert min(outcome.gaps) > 0
    assert 0 < outcome.cpu < outcome.seconds * 1_000_000
    assert outcome.memory > 1


def test_each_request_has_another_text(program):
    """Over all connections no marked text is sent twice, in one load or in two."""
    load, mark = program("load"), program("varying").MARK.encode()
    heads: list[bytes] = []

    async def scenario():
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while head := await reader.readline():
                await reader.readline()
                heads.append(head)
                writer.write(WHOLE)
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return [await load.load(port, b"GET /" + mark + b"\r\n\r\n", 2, 0.1) for _ in range(2)]

    outcomes = uvloop.run(scenario())
    assert len(heads) == sum(len(outcome.whole) for outcome in outcomes) >= 4
    assert len({mark, *heads}) == len(heads) + 1
