"""Where the server listens, and what it leaves behind."""

import asyncio
import socket

import grpc
import pytest

from extproc.edge.http2 import server
from extproc.edge.http2.server import Http2Transport
from extproc.edge.listening import free_port
from extproc.edge.transport import Method
from extproc.http2.limits import Limits


async def answer(request, _):
    """The answer to a unary call."""
    return request


METHODS = (Method("a.B", "Do", answer, bytes, bytes, unary=True),)


def made(address):
    """A server there."""
    return Http2Transport(METHODS, address, limits=Limits())


async def ask(address):
    """A call of the gRPC library's client."""
    async with grpc.aio.insecure_channel(address) as channel:
        return await channel.unary_unary("/a.B/Do")(b"x", wait_for_ready=True, timeout=30)


@pytest.mark.parametrize(
    ("listen", "asked"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("[::1]", "[::1]"),
     ("[::]", "127.0.0.1"), ("[::]", "[::1]")],
)  # fmt: skip
def test_it_listens_on_tcp(listen, asked):
    """On an address, a name, or all addresses of the machine; and not any more when it has stopped."""

    async def main():
        port = free_port()
        carrier = made(f"{listen}:{port}")
        await carrier.start()
        said = await ask(f"{asked}:{port}")
        await carrier.stop(None)
        again = made(f"{listen}:{port}")
        await again.stop(None)
        return said

    assert asyncio.run(main()) == b"x"


def test_a_peer_that_has_vanished_is_noticed_in_a_minute():
    """Its connections are probed after half a minute of silence, and end when nothing comes back."""

    async def main():
        port = free_port()
        carrier = made(f"127.0.0.1:{port}")
        await carrier.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        # A server speaks first, once it has the connection.
        await reader.readexactly(9)
        (link,) = carrier._links
        accepted = link._transport.get_extra_info("socket")
        told = {name: accepted.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in server.KEEP_ALIVE}
        alive = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        writer.close()
        await carrier.stop(None)
        return alive, told

    alive, told = asyncio.run(main())
    assert alive
    assert told["TCP_KEEPIDLE"] + told["TCP_KEEPINTVL"] * told["TCP_KEEPCNT"] == 60
    assert told["TCP_USER_TIMEOUT"] == 60_000


def test_a_port_that_is_taken_is_an_error():
    """Two servers never share one, and the error names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=f"cannot listen on {address}: it is in use"):
            made(address)


@pytest.mark.parametrize("address", ["192.0.2.1:1", "no.such.host.invalid:1", "unix:/no/such/directory/s"])
def test_an_address_that_is_not_here_is_an_error(address):
    """Of another machine, or of none."""
    with pytest.raises(OSError, match=f"cannot listen on {address}"):
        made(address)


def test_its_socket_is_gone_when_it_has_stopped(tmp_path):
    """And one that a killed process has left is taken over."""

    async def main():
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(f"{tmp_path}/s")
        carrier = made(f"unix:{tmp_path}/s")
        await carrier.start()
        said = await ask(f"unix:{tmp_path}/s")
        await carrier.stop(None)
        return said

    assert asyncio.run(main()) == b"x"
    assert list(tmp_path.iterdir()) == []


def test_a_successors_socket_is_left_alone(tmp_path):
    """Unlike gRPC, an old server that ends late does not take the new one's away."""

    async def main():
        old, new = made(f"unix:{tmp_path}/s"), made(f"unix:{tmp_path}/s")
        await old.start()
        await new.start()
        await old.stop(None)
        said = await ask(f"unix:{tmp_path}/s")
        await new.stop(None)
        return said

    assert asyncio.run(main()) == b"x"


def test_a_file_is_not_taken_for_a_socket(tmp_path):
    """It stays, and is an error."""
    (tmp_path / "s").write_text("mine")
    with pytest.raises(OSError, match="cannot listen"):
        made(f"unix:{tmp_path}/s")
    assert (tmp_path / "s").read_text() == "mine"


def test_connections_beyond_the_limit_are_closed(tmp_path, monkeypatch):
    """The newest; those that are there go on."""
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 2)

    async def main():
        carrier = made(f"unix:{tmp_path}/s")
        await carrier.start()
        held = [await asyncio.open_unix_connection(f"{tmp_path}/s") for _ in range(3)]
        greetings = [await reader.read(3) for reader, _ in held]
        for _, writer in held:
            writer.close()
        await carrier.stop(None)
        return greetings

    greetings = asyncio.run(main())
    assert [bool(greeting) for greeting in greetings] == [True, True, False]
