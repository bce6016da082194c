"""One connection, driven byte by byte over a real socket."""

from __future__ import annotations

import socket
import struct
import time

import pytest

from extproc.emulator.server import TEST_CREDENTIALS, Emulator, EmulatorThread
from extproc.routing.targets import Target
from extproc.sagemaker.eventstream import Decoder
from extproc.sagemaker.invoke import signed_request
from extproc.sagemaker.sigv4 import payload_hash


@pytest.fixture
def wire(emulator, chat):
    """Makes the bytes of a signed request to the emulator."""

    def make(endpoint="chat", *, stream=False, body=None, more=b"", to=emulator):
        body = chat(stream=stream) if body is None else body
        target = Target("t", endpoint, ("m",), "us-east-1", scheme="http", host=to.host, port=to.port)
        made = signed_request(
            target,
            body_length=len(body),
            payload_hash=payload_hash(body),
            stream=stream,
            credentials=TEST_CREDENTIALS,
            now=time.time(),
        )
        lines = [f"POST {made[':path']} HTTP/1.1", f"host: {made[':authority']}"]
        lines += [f"{name}: {value}" for name, value in made.items() if not name.startswith(":")]
        return "\r\n".join(lines).encode() + b"\r\n" + more + b"\r\n" + body

    return make


@pytest.fixture
def dial(emulator):
    """Opens connections, closed with the test."""
    opened = []

    def make(to=emulator):
        connection = socket.create_connection((to.host, to.port), timeout=20)
        opened.append(connection)
        return connection

    yield make
    for connection in opened:
        connection.close()


def read_until(connection, mark):
    """What arrives, up to a mark or the end."""
    received = b""
    while mark not in received and (data := connection.recv(65_536)):
        received += data
    return received


def read_answer(connection):
    """One answer with a content length: its head and its body."""
    head, _, body = read_until(connection, b"\r\n\r\n").partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    while len(body) < length and (data := connection.recv(65_536)):
        body += data
    return head, body


def payloads(chunked):
    """The payloads of the frames in a chunked body, which must be whole."""
    body, rest = b"", chunked
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body += rest[: int(size, 16)]
        assert rest[int(size, 16) :][:2] == b"\r\n"
        rest = rest[int(size, 16) + 2 :]
    decoder = Decoder()
    made = [frame.payload for frame in decoder.feed(body)]
    decoder.finish()
    return made


def test_one_connection_serves_many_requests(dial, wire, emulator) -> None:
    """Whole answers and streams follow each other on one connection, which stays open."""
    connection = dial()
    for _ in range(3):
        connection.sendall(wire())
        head, body = read_answer(connection)
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert b"Hello wide world" in body
        connection.sendall(wire(stream=True))
        streamed = read_until(connection, b"\r\n0\r\n\r\n").partition(b"\r\n\r\n")[2]
        assert payloads(streamed)[-1] == b"data: [DONE]\n\n"
    assert [entry.finished for entry in emulator.requests] == [True] * 6


def test_requests_may_come_before_their_turn(dial, wire) -> None:
    """Pipelined requests are answered one after the other, a stream in between included."""
    connection = dial()
    connection.sendall(wire() + wire("chat--delay1", stream=True) + wire("throttle"))
    received = read_until(connection, b'{"message":null}')
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert received.index(b"[DONE]") < received.index(b"HTTP/1.1 400")


def test_a_request_may_come_in_pieces(dial, wire) -> None:
    """Head and body are put together from single bytes."""
    connection = dial()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in wire():
        connection.send(bytes((byte,)))
    assert read_answer(connection)[0].startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("stream", [False, True])
def test_close_is_obeyed(stream, dial, wire) -> None:
    """With `connection: close` the answer is the last."""
    connection = dial()
    connection.sendall(wire(stream=stream, more=b"connection: close\r\n"))
    received = read_until(connection, b"no such mark")
    assert b"connection: close" in received
    assert received.endswith(b"0\r\n\r\n" if stream else b"}")


def test_continue_is_said_when_waited_for(dial, wire) -> None:
    """A client that expects 100-continue is told once to go on."""
    connection = dial()
    head, _, body = wire(more=b"expect: 100-continue\r\n").partition(b"\r\n\r\n")
    connection.sendall(head + b"\r\n\r\n")
    assert read_until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(body)
    assert read_answer(connection)[0].startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01 no HTTP\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"],
)
def test_what_is_not_http_is_refused(sent, dial) -> None:
    """A malformed request gets a 400 and the connection is closed."""
    connection = dial()
    connection.sendall(sent)
    assert read_until(connection, b"no such mark").startswith(b"HTTP/1.1 400")


def test_a_reset_is_a_reset(dial, wire, emulator, eventually) -> None:
    """`reset` sends RST before any byte; `reset-midstream` after the events, and both count as done."""
    connection = dial()
    connection.sendall(wire("reset"))
    with pytest.raises(ConnectionResetError):
        connection.recv(1)
    connection = dial()
    connection.sendall(wire("reset-midstream", stream=True))
    with pytest.raises(ConnectionResetError):
        read_until(connection, b"no such mark")
    assert eventually(lambda: [entry.finished for entry in emulator.requests] == [True, True])
    assert [entry.frames_sent for entry in emulator.requests] == [0, 3]


def test_a_cut_is_an_end_without_the_last_chunk(dial, wire) -> None:
    """`cut-midstream` closes in order, but the chunked body is unfinished; a whole answer stops half-way."""
    connection = dial()
    connection.sendall(wire("cut-midstream", stream=True))
    assert not read_until(connection, b"no such mark").endswith(b"0\r\n\r\n")
    connection = dial()
    connection.sendall(wire("cut-midstream"))
    head, body = read_answer(connection)
    assert (
        f"content-length: {2 * len(body)}".encode() in head or f"content-length: {2 * len(body) + 1}".encode() in head
    )


@pytest.mark.parametrize("endpoint", ["stall", "stall-midstream"])
def test_a_stall_lasts_until_the_client_leaves(endpoint, dial, wire, emulator, eventually) -> None:
    """Nothing more comes, and the client's going is noticed as a cut."""
    connection = dial()
    connection.sendall(wire(endpoint, stream=True))
    if endpoint == "stall-midstream":
        assert read_until(connection, b"wide").startswith(b"HTTP/1.1 200 OK")
    assert eventually(lambda: len(emulator.requests) == 1)
    connection.settimeout(0.2)
    with pytest.raises(TimeoutError):
        read_until(connection, b"no such mark")
    assert not emulator.requests[0].cut
    connection.close()
    assert eventually(lambda: emulator.requests[0].cut)
    assert not emulator.requests[0].finished


def test_a_cut_connection_stops_the_stream(dial, wire, emulator, eventually, chat) -> None:
    """A client that leaves in mid-stream stops it: the rest of the frames is never sent."""
    connection = dial()
    connection.sendall(wire(stream=True, body=chat(stream=True, emulator={"tokens": 5_000, "delay_ms": 2})))
    read_until(connection, b"charlie")
    connection.close()
    assert eventually(lambda: emulator.requests[0].cut)
    assert emulator.connections == set()
    assert 0 < emulator.requests[0].frames_sent < 5_000
    assert not emulator.requests[0].finished


def test_a_slow_reader_is_waited_for(dial, wire, emulator, eventually, chat) -> None:
    """A stream that nobody reads is held, not buffered without end."""
    connection = dial()
    connection.sendall(wire("huge", stream=True, body=chat(stream=True, emulator={"bytes": 32_000_000})))
    assert eventually(
        lambda: len(emulator.connections) == 1 and not next(iter(emulator.connections))._writable.is_set()
    )
    held = emulator.requests[0]
    assert 0 < held.bytes_sent < 16_000_000
    last = b""
    while not last.endswith(b"0\r\n\r\n"):
        last = last[-5:] + connection.recv(1_000_000)
    assert held.finished
    assert held.bytes_sent > 30_000_000


def test_tcp_writes_of_any_size(dial, wire, chat) -> None:
    """Writes of one byte make the same bytes."""
    body = chat(stream=True, emulator={"write_bytes": 1, "frame_bytes": 5})
    connection = dial()
    connection.sendall(wire(stream=True, body=body))
    received = read_until(connection, b"\r\n0\r\n\r\n").partition(b"\r\n\r\n")[2]
    assert b"".join(payloads(received)).endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused_unread(announced, dial) -> None:
    """The 413 comes as soon as the length is known or passed, and the connection ends when the body does."""
    with EmulatorThread(Emulator(payload_limit=1_000)) as small:
        connection = dial(small)
        path = b"POST /endpoints/chat/invocations HTTP/1.1\r\nhost: a\r\n"
        if announced:
            connection.sendall(path + b"content-length: 1001\r\n\r\n")
            head, _ = read_answer(connection)
            connection.sendall(b"x" * 1_001)
        else:
            connection.sendall(path + b"transfer-encoding: chunked\r\n\r\n" + b"3e9\r\n" + b"x" * 1_001 + b"\r\n")
            head, _ = read_answer(connection)
            connection.sendall(b"0\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413")
        assert b"x-amzn-errortype: RequestEntityTooLargeException" in head
        assert connection.recv(1) == b""
        assert [entry.kind for entry in small.requests] == ["too-large"]


def test_a_body_of_the_limit_is_taken(dial, wire, chat) -> None:
    """The limit itself is allowed."""
    body = chat()
    with EmulatorThread(Emulator(payload_limit=len(body))) as small:
        connection = dial(small)
        connection.sendall(wire(body=body, to=small))
        assert read_answer(connection)[0].startswith(b"HTTP/1.1 200")


def test_a_client_that_resets_does_no_harm(dial, wire, emulator) -> None:
    """A reset from the client's side leaves the emulator serving others."""
    connection = dial()
    connection.sendall(wire("stall"))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    other = dial()
    other.sendall(wire())
    assert read_answer(other)[0].startswith(b"HTTP/1.1 200")
    assert emulator.requests[-1].finished
