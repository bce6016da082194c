"""The gRPC library's server, grpc.aio, as a transport."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NoReturn

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from extproc.edge.transport import EOF, Message, Method, PeerLeft
from extproc.http2.status import Status

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class GrpcTransport:
    """A server on `address` ("unix:/path" or "host:port"), not yet started.

    Raises:
        OSError: nobody can listen there.
    """

    def __init__(self, methods: Iterable[Method], address: str, *, max_message_bytes: int) -> None:
        self._server = grpc.aio.server(options=_options(max_message_bytes))
        services: dict[str, dict[str, Any]] = defaultdict(dict)
        for method in methods:
            services[method.service][method.name] = _handler(method)
        for service, handlers in services.items():
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        self._names = ("", *services)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        try:
            self._server.add_insecure_port(address)
        except RuntimeError as error:
            # gRPC tells the reason on standard error only.
            raise OSError(f"cannot listen on {address}: it is in use, or not an address of this machine") from error

    async def start(self) -> None:
        """Take calls."""
        await self._server.start()

    async def set_serving(self, serving: bool) -> None:
        """Tell health checks, by the empty name and by each service's own."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in self._names:
            await self._health.set(name, status)

    async def stop(self, grace: float | None) -> None:
        """Take no new calls; open ones have `grace` seconds to end."""
        await self._server.stop(grace)


class _Context:
    """A call of the library's."""

    __slots__ = ("_context",)

    def __init__(self, context: Any) -> None:
        self._context = context

    @property
    def waiting(self) -> bool:
        """Not known: the library reads one message at a time."""
        return False

    async def read(self) -> Message:
        """The next message, or EOF."""
        message = await self._context.read()
        return EOF if message is grpc.aio.EOF else message

    async def write(self, message: Message) -> None:
        """Send a message.

        Raises:
            PeerLeft: the call was reset, or has ended.
        """
        try:
            await self._context.write(message)
        except grpc.aio.BaseError as error:
            raise PeerLeft from error

    async def abort(self, status: Status, details: str) -> NoReturn:
        """End the call."""
        await self._context.abort(_CODES[status], details)
        raise AssertionError("grpc.aio's abort raises")


def _handler(method: Method) -> Any:
    # grpc.aio looks whether a handler is a coroutine function, so neither lambda nor partial will do.
    if method.unary:

        async def unary(request: Message, context: Any) -> Message:
            return await method.handler(request, _Context(context))

        return grpc.unary_unary_rpc_method_handler(unary, method.decode, method.encode)

    async def stream(_: object, context: Any) -> None:
        await method.handler(_Context(context))

    return grpc.stream_stream_rpc_method_handler(stream, method.decode, method.encode)


def _options(max_message_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", max_message_bytes),
        # No bound: each target of a group may need a body of its own, and all of them travel in one answer.
        ("grpc.max_send_message_length", -1),
        # gRPC shares a TCP port with whoever asks: half of the exchanges would go to a forgotten worker unnoticed.
        ("grpc.so_reuseport", 0),
        # Envoy pings idle connections (connection_keepalive); the default tolerance of one in five minutes is a GOAWAY.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
