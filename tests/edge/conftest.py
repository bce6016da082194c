"""A real gRPC server with the ext_proc service, and what Envoy would say to it."""

import asyncio
from functools import partial
from types import SimpleNamespace

import grpc
import orjson
import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc.config.load import load_runtime
from extproc.edge import server, wire
from extproc.edge.audit import AuditFailed
from extproc.emulator.framing import payload_part
from extproc.routing.targets import Credentials, Identity

CONFIG = """
pack: {name: tests, version: 1.0.0, enabled: true}
providers:
  targets:
    - {id: east, provider: "sagemaker:chat:m", aws_region: us-east-1, timeout_seconds: TIMEOUT}
policies: {chain: [dlp-filter, audit-logger]}
policy: {dlp-filter: {patterns: [{name: codeword, regex: sesame, action: block}]}}
"""


class Keeper:
    """Credentials that are always there."""

    snapshot = {Identity(): Credentials("AKIDEXAMPLE", "secret")}  # noqa: RUF012 - read only


class Sink:
    """An audit trail in memory, which can refuse, and tells the order of things."""

    def __init__(self):
        self.lines, self.order, self.failed, self.full = [], [], False, False

    def write(self, document):
        """Take a line, or refuse it."""
        self.order.append("audit")
        if self.full:
            raise AuditFailed("No space left on device")
        self.lines.append(orjson.loads(orjson.dumps(document)))


def runtime(tmp_path, timeout=60, fail_open=False):
    """A compiled configuration with one target and a word that is blocked."""
    path = tmp_path / "policy-config.yaml"
    path.write_text(CONFIG.replace("TIMEOUT", str(timeout)))
    return load_runtime(path, environ={}, fail_open=fail_open)


def scene(tmp_path, play, *, trail=None, timeout=60, fail_open=False):
    """Serve on a Unix socket and let `play(envoy)` talk; returns its result and the trail."""
    trail = trail or Sink()
    compiled = runtime(tmp_path, timeout, fail_open)
    processor = server.ExternalProcessor(lambda: compiled, Keeper(), trail)

    async def main():
        address = f"unix:{tmp_path}/s"
        grpc_server, health = server.build(compiled, processor, address)
        await grpc_server.start()
        await server.set_serving(health, serving=True)
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        async with asyncio.timeout(60), grpc.aio.insecure_channel(address, options=options) as channel:
            call = channel.stream_stream(
                f"/{server.SERVICE}/Process",
                request_serializer=lambda sent: sent if isinstance(sent, bytes) else sent.SerializeToString(),
                response_deserializer=pb.ProcessingResponse.FromString,
            )
            try:
                return await play(SimpleNamespace(call=call, channel=channel, processor=processor, health=health))
            finally:
                await grpc_server.stop(None)
                assert processor.open == 0

    return asyncio.run(main()), trail


def head(**fields):
    """A request's head."""
    message = pb.ProcessingRequest()
    named = {":method": "POST", ":path": "/v1/chat/completions", "x-request-id": "r-1", **fields}
    for name, value in named.items():
        message.request_headers.headers.headers.add(key=name, raw_value=value.encode())
    return message


def asked(text="hello", **fields):
    """A request's body."""
    document = {"model": "m", "messages": [{"role": "user", "content": text}], **fields}
    return pb.ProcessingRequest(request_body=pb.HttpBody(body=orjson.dumps(document), end_of_stream=True))


def answered(status="200", content_type="application/json"):
    """The head of the target's answer."""
    message = pb.ProcessingRequest()
    for name, value in {":status": status, "content-type": content_type}.items():
        message.response_headers.headers.headers.add(key=name, raw_value=value.encode())
    fields = message.attributes[wire.ATTRIBUTES].fields
    fields["xds.cluster_name"].string_value = "east"
    fields["response.code_details"].string_value = "via_upstream"
    fields["upstream.request_attempt_count"].number_value = 1
    return message


def body(data, *, last=True):
    """A part of the target's answer, or all of it."""
    return pb.ProcessingRequest(response_body=pb.HttpBody(body=data, end_of_stream=last))


def completion(text="hi"):
    """A whole chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return orjson.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})


def delta(text, finish=None):
    """A frame with one chunk of a streamed completion."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return payload_part(b"data: " + orjson.dumps(chunk) + b"\n\n")


FINISHED = payload_part(b"data: [DONE]\n\n")


async def exchange(call, *messages):
    """Send each message and read its answer."""
    answers = []
    for message in messages:
        await call.write(message)
        answers.append(await call.read())
    return answers


async def until(condition):
    """Wait for a condition of this process."""
    while not condition():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.005)


@pytest.fixture
def stage(tmp_path):
    """`run` a play between our service and Envoy's part in it, and Envoy's lines for that part."""
    return SimpleNamespace(
        run=partial(scene, tmp_path),
        runtime=partial(runtime, tmp_path),
        Sink=Sink,
        Keeper=Keeper,
        head=head,
        asked=asked,
        answered=answered,
        body=body,
        completion=completion,
        delta=delta,
        FINISHED=FINISHED,
        exchange=exchange,
        until=until,
    )
