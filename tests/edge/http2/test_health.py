"""The health service, without a connection; with one it is in tests/edge/test_transport.py."""

import asyncio

import pytest
from grpc_health.v1 import health_pb2

from extproc.edge.http2.health import Health
from extproc.edge.transport import EOF
from extproc.http2.status import Status

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Ended(Exception):
    """A call's end."""


class Context:
    """A watcher's call."""

    def __init__(self, *requests):
        self.requests, self.states = list(requests), asyncio.Queue()

    async def read(self):
        """What it asks."""
        return self.requests.pop(0) if self.requests else EOF

    async def write(self, message):
        """What it is told."""
        self.states.put_nowait(message.status)

    async def abort(self, status, _):
        """How it ends."""
        raise Ended(status)


def test_it_serves_when_it_is_told_to():
    """Not before; and then by every name."""

    async def main():
        health = Health(["a.B"])
        check = health.methods[0].handler
        states = []
        for _ in range(2):
            states += [(await check(health_pb2.HealthCheckRequest(service=n), None)).status for n in ("", "a.B")]
            health.set(True)
        return states

    assert asyncio.run(main()) == [NOT_SERVING, NOT_SERVING, SERVING, SERVING]


def test_a_watcher_is_let_go_at_the_end():
    """Told that it is over, and ended: it would hold a worker up that drains, for as long as it likes to watch."""

    async def main():
        health, context = Health(["a.B"]), Context(health_pb2.HealthCheckRequest(service="a.B"))
        health.set(True)
        watching = asyncio.create_task(health.methods[1].handler(context))
        states = [await context.states.get()]
        health.end()
        states.append(await context.states.get())
        with pytest.raises(Ended) as caught:
            await watching
        return states, caught.value.args[0]

    assert asyncio.run(main()) == ([SERVING, NOT_SERVING], Status.UNAVAILABLE)


def test_a_watcher_that_asks_nothing():
    """Is an error of the client's."""

    async def main():
        with pytest.raises(Ended) as caught:
            await Health([]).methods[1].handler(Context())
        return caught.value.args[0]

    assert asyncio.run(main()) is Status.INTERNAL
