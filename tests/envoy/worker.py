"""A worker that answers as it is told, for tests/envoy/conftest.py."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from extproc._pb import ext_proc_pb2 as pb

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"


class Worker:
    """A scripted ext_proc server: each hook gives the answer to one kind of message; None says nothing at all."""

    def __init__(self, path: Path, rig) -> None:
        self.path = path
        self.rig = rig
        self.messages: list[pb.ProcessingRequest] = []
        self.streams = 0
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen, and say SERVING to health checks."""
        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", 2**26)])
        handler = grpc.stream_stream_rpc_method_handler(
            self._process,
            request_deserializer=pb.ProcessingRequest.FromString,
            response_serializer=pb.ProcessingResponse.SerializeToString,
        )
        generic = grpc.method_handlers_generic_handler(SERVICE, {"Process": handler})
        signer = grpc.method_handlers_generic_handler(
            "kt.v1.Signer", {"Resign": grpc.unary_unary_rpc_method_handler(self._resign)}
        )
        self._server.add_generic_rpc_handlers((generic, signer))
        servicer = health.aio.HealthServicer()
        await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, self._server)
        self._server.add_insecure_port(f"unix:{self.path}")
        await self._server.start()

    async def stop(self) -> None:
        """Die: open streams are cut."""
        if self._server is not None:
            await self._server.stop(0)
            self._server = None

    async def _resign(self, request: bytes, context) -> bytes:
        answer = self.rig.hooks["resign"](request)
        if isinstance(answer, Coroutine):
            answer = await answer
        if isinstance(answer, BaseException):
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, str(answer))
        return answer

    async def _process(self, requests, context) -> None:
        self.streams += 1
        async for message in requests:
            self.messages.append(message)
            kind = message.WhichOneof("request")
            answer = self.rig.hooks[kind](message)
            if isinstance(answer, Coroutine):
                answer = await answer
            if isinstance(answer, BaseException):
                await context.abort(grpc.StatusCode.INTERNAL, str(answer))
            if answer is not None:
                await context.write(answer)

    def seen(self, kind: str) -> list[pb.ProcessingRequest]:
        """The messages of one kind, in order."""
        return [message for message in self.messages if message.WhichOneof("request") == kind]
