"""Two stages: a gRPC server with the ext_proc service and Envoy's part in it, and a whole gateway in this process."""

import asyncio
import contextlib
import gc
import os
import signal
import tempfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import grpc
import orjson
import pytest
import uvloop
from structlog.testing import capture_logs

from extproc._pb import ext_proc_pb2 as pb
from extproc.config.load import load_runtime
from extproc.edge import gateway as gateway_module
from extproc.edge import server, signer, wire
from extproc.edge.command import GatewaySettings
from extproc.edge.envoy_binary import find_envoy
from extproc.edge.gateway import Gateway
from extproc.edge.grpc_transport import GrpcTransport
from extproc.edge.http2.server import Http2Transport
from extproc.edge.listening import free_port
from extproc.edge.trail.batch import AuditFailed
from extproc.emulator.framing import payload_part
from extproc.http2.limits import Limits
from extproc.render.settings import Address
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

    enabled = True

    def __init__(self):
        self.lines, self.order, self.failed, self.full = [], [], False, False

    def put(self, document):
        """Take a line that nobody waits for."""
        self.order.append("audit")
        if not self.full:
            self.lines.append(orjson.loads(orjson.dumps(document)))

    async def commit(self, *documents):
        """Take lines, or refuse them."""
        for document in documents:
            self.put(document)
        if self.full:
            raise AuditFailed("No space left on device")


def runtime(tmp_path, timeout=60, fail_open=False):
    """A compiled configuration with one target and a word that is blocked."""
    path = tmp_path / "policy-config.yaml"
    path.write_text(CONFIG.replace("TIMEOUT", str(timeout)))
    return load_runtime(path, environ={}, fail_open=fail_open)


def scene(tmp_path, transport, play, *, trail=None, timeout=60, fail_open=False):
    """Serve on a Unix socket and let `play(envoy)` talk; returns its result and the trail."""
    trail = trail or Sink()
    compiled = runtime(tmp_path, timeout, fail_open)
    processor = server.ExternalProcessor(lambda: compiled, Keeper(), trail, signer.tickets(None))

    async def main():
        address = f"unix:{tmp_path}/s"
        carrier = server.build(compiled, processor, address, transport)
        await carrier.start()
        await carrier.set_serving(True)
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        async with asyncio.timeout(60), grpc.aio.insecure_channel(address, options=options) as channel:
            call = channel.stream_stream(
                f"/{server.SERVICE}/Process",
                request_serializer=lambda sent: sent if isinstance(sent, bytes) else sent.SerializeToString(),
                response_deserializer=pb.ProcessingResponse.FromString,
            )
            try:
                return await play(SimpleNamespace(call=call, channel=channel, processor=processor, carrier=carrier))
            finally:
                await carrier.stop(None)
                # Its handlers are cancelled; each still has its own end to come to.
                while processor.open:  # noqa: ASYNC110 - it tells nobody when it changes
                    await asyncio.sleep(0.01)

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


@pytest.fixture(params=server.TRANSPORTS)
def transport(request):
    """What carries the calls: everything holds over each of them."""
    return request.param


@pytest.fixture
def carried(tmp_path, transport):
    """Let `play(channel, carrier)` call methods that one of the carriers serves."""

    def run(methods, play, *, max_message_bytes=2**20):
        async def main():
            address = f"unix:{tmp_path}/c"
            if transport == "h2":
                carrier = Http2Transport(methods, address, limits=Limits(max_message_bytes=max_message_bytes))
            else:
                carrier = GrpcTransport(methods, address, max_message_bytes=max_message_bytes)
            await carrier.start()
            options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
            try:
                async with asyncio.timeout(60), grpc.aio.insecure_channel(address, options=options) as channel:
                    return await play(channel, carrier)
            finally:
                await carrier.stop(None)

        return asyncio.run(main())

    return run


@pytest.fixture
def stage(tmp_path, transport):
    """`run` a play between our service and Envoy's part in it, and Envoy's lines for that part."""
    return SimpleNamespace(
        run=partial(scene, tmp_path, transport),
        transport=transport,
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


GATEWAY_CONFIG = """
pack: {name: NAME, version: 1.0.0, enabled: true}
providers:
  targets:
TARGETS
policies: {chain: [audit-logger]}
policy: {audit-logger: {path: audit}}
"""


def configuration(name="first", **targets):
    """A configuration whose targets are given as id=port."""
    lines = "".join(
        f'    - {{id: {each}, provider: "sagemaker:chat:m-{each}", aws_region: us-east-1, '
        f'base_url: "http://127.0.0.1:{port}"}}\n'
        for each, port in (targets or {"east": 9}).items()
    )
    return GATEWAY_CONFIG.replace("NAME", name).replace("TARGETS\n", lines)


def alive(pid):
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children():
    """Processes of this test that run."""
    path = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return {int(pid) for pid in path.read_text().split() if alive(pid)}


async def eventually(condition):
    """Wait for a condition, a plain or an asynchronous one; gives its value."""
    while True:
        value = condition()
        if value := await value if asyncio.iscoroutine(value) else value:
            return value
        await asyncio.sleep(0.02)


class Stage:
    """A gateway that runs in the test's own process."""

    def __init__(self, gateway, settings, logged):
        self.gateway, self.settings, self.logged = gateway, settings, logged
        self.pool, self.front = gateway._pool, gateway._front

    def events(self):
        """What was logged so far."""
        return [line["event"] for line in self.logged]

    async def event(self, beginning):
        """Wait for a line that begins so."""
        return await eventually(
            lambda: next((each for each in self.logged if each["event"].startswith(beginning)), None)
        )

    def write(self, text):
        """Replace the configuration file."""
        self.settings.policy_config.write_text(text)

    def workers(self):
        """Process ids of the workers in use."""
        return [self.pool._workers[index].process.pid for index in sorted(self.pool._workers)]

    async def http(self, method, path, port=None):
        """Status and document of an answer; 0 when nobody listens."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port or self.settings.listen.port)
        except OSError:
            return 0, None
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        writer.write(head.encode())
        answer, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        with contextlib.suppress(ValueError):
            return int(answer.split()[1]), orjson.loads(body)
        return int(answer.split()[1]), None

    async def models(self):
        """The models that clients are offered."""
        status, document = await self.http("GET", "/v1/models")
        return [model["id"] for model in document["data"]] if status == 200 else []


@pytest.fixture
def gateway_settings(tmp_path, monkeypatch):
    """Settings of a small gateway in a directory of its own, its environment without AWS settings of the machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(gateway_module, "WATCH_SECONDS", 0.1)
    monkeypatch.setattr(gateway_module, "SETTLE_SECONDS", 0.05)
    path = tmp_path / "policy-config.yaml"
    path.write_text(configuration())
    with tempfile.TemporaryDirectory(prefix="kt-t") as directory:
        monkeypatch.setattr(tempfile, "tempdir", directory)
        yield GatewaySettings(Address("127.0.0.1", free_port()), path, find_envoy(), workers=1, drain_seconds=30.0)


@pytest.fixture
def gateway(gateway_settings):
    """Run `scene(stage)` with a gateway, ready unless said otherwise, and end it; gives its exit status and log."""

    def run(scene, *, ready=True, chosen=gateway_settings):
        with capture_logs() as logged:

            async def main(directory):
                stage = Stage(Gateway(chosen, directory), chosen, logged)
                running = asyncio.create_task(stage.gateway.run())
                async with asyncio.timeout(120):
                    try:
                        if ready:
                            telling = asyncio.ensure_future(stage.event("kt gateway ready"))
                            # One that does not come up says why, instead of being waited for.
                            await asyncio.wait({telling, running}, return_when=asyncio.FIRST_COMPLETED)
                            if running.done():
                                telling.cancel()
                                await running
                            await telling
                        await scene(stage)
                    except BaseException:
                        # Nothing may be left of a test that fails: asked twice, it ends without a drain.
                        for _ in range(2):
                            os.kill(os.getpid(), signal.SIGTERM)
                            await asyncio.sleep(0.1)
                        await asyncio.wait({running}, timeout=60)
                        raise
                    if not running.done():
                        os.kill(os.getpid(), signal.SIGTERM)
                    return await running

            # A gRPC server of another test's, collected in a child that uvloop forks, would wait there for a thread
            # that only this process has, at full load and for ever.
            gc.collect()
            before = children()
            with tempfile.TemporaryDirectory(prefix="kt-g") as directory:
                status = uvloop.run(main(Path(directory)))
            assert children() <= before
        return status, logged

    return SimpleNamespace(
        play=run,
        settings=gateway_settings,
        configuration=configuration,
        until=eventually,
        alive=alive,
        children=children,
    )
