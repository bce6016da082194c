"""The gRPC library as a carrier: what test_transport.py does not see."""

import asyncio

import grpc
import pytest

from extproc.edge.grpc_transport import GrpcTransport
from extproc.edge.transport import Method
from extproc.http2.status import Status


async def nothing(_):
    """A handler that ends at once."""


METHODS = (Method("test.Service", "Do", nothing, bytes, bytes),)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_every_status_has_its_code(tmp_path, status):
    """Ours is gRPC's own, by number."""

    async def handler(context):
        await context.abort(status, "x")

    async def main():
        address = f"unix:{tmp_path}/s"
        carrier = GrpcTransport((Method("a.B", "C", handler, bytes, bytes),), address, max_message_bytes=100)
        await carrier.start()
        async with grpc.aio.insecure_channel(address) as channel:
            code = await channel.stream_stream("/a.B/C")().code()
        await carrier.stop(None)
        return code

    assert asyncio.run(main()).value[0] == status


def test_its_socket_is_gone_when_it_has_stopped(tmp_path):
    """GRPC removes the path, whoever has it by then: why each generation of workers has paths of its own."""

    async def main():
        carrier = GrpcTransport(METHODS, f"unix:{tmp_path}/s", max_message_bytes=100)
        await carrier.start()
        there = [path.name for path in tmp_path.iterdir()]
        await carrier.stop(None)
        return there

    assert asyncio.run(main()) == ["s"]
    assert list(tmp_path.iterdir()) == []
