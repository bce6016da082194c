"""gRPC's health service, grpc.health.v1 (its health-checking.md): what Envoy's health checks ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from grpc_health.v1 import health_pb2

from extproc.edge.transport import EOF, Context, Method
from extproc.http2.status import Status

SERVICE = "grpc.health.v1.Health"

_Answer = health_pb2.HealthCheckResponse


class Health:
    """The state of some services, and of the server as a whole by the empty name."""

    def __init__(self, services: Iterable[str]) -> None:
        self._states: dict[str, int] = dict.fromkeys(("", *services), _Answer.NOT_SERVING)
        self._changed = asyncio.Event()
        self._over = False

    @property
    def methods(self) -> tuple[Method, ...]:
        """Check and Watch."""
        decode, encode = health_pb2.HealthCheckRequest.FromString, _Answer.SerializeToString
        return (
            Method(SERVICE, "Check", self._check, decode, encode, unary=True),
            Method(SERVICE, "Watch", self._watch, decode, encode),
        )

    def set(self, serving: bool) -> None:
        """All of them at once."""
        state = _Answer.SERVING if serving else _Answer.NOT_SERVING
        self._states = dict.fromkeys(self._states, state)
        self._changed.set()
        self._changed = asyncio.Event()

    def end(self) -> None:
        """Not serving any more, for good: whoever watches is told, and let go."""
        self._over = True
        self.set(False)

    async def _check(self, request: health_pb2.HealthCheckRequest, context: Context) -> health_pb2.HealthCheckResponse:
        state = self._states.get(request.service)
        if state is None:
            await context.abort(Status.NOT_FOUND, "unknown service")
        return _Answer(status=state)

    async def _watch(self, context: Context) -> None:
        request = await context.read()
        if request is EOF:
            await context.abort(Status.INTERNAL, "a call without a message")
        told = None
        while True:
            changed = self._changed
            state = self._states.get(request.service, _Answer.SERVICE_UNKNOWN)
            if state != told:
                told = state
                await context.write(_Answer(status=state))
            if self._over:
                await context.abort(Status.UNAVAILABLE, "the server ends")
            await changed.wait()
