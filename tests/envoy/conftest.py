"""A rig for Envoy's half of the contract: the real binary, scripted workers and upstreams, no code of ours between.

Everything asynchronous runs in one loop on a thread of its own, so that the tests themselves read from top to bottom.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import h11
import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc.config.runtime import Limits
from extproc.edge.envoy import EnvoyProcess
from extproc.edge.envoy_admin import ask
from extproc.edge.envoy_binary import find_envoy
from extproc.render import envoy as render
from extproc.render.settings import Address, Settings
from extproc.routing.targets import Target


# Tests are no package (see tests/test_house_rules.py): the parts of the rig that play others are loaded by their path.
def part(name: str):
    """A file beside this one as a module."""
    spec = importlib.util.spec_from_file_location(f"kt_tests_{name}", Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


upstream = part("upstream")
Answer, Upstream, free_port = upstream.Answer, upstream.Upstream, upstream.free_port
Worker = part("worker").Worker


def set_headers(mutation: pb.HeaderMutation, headers: dict[str, str]) -> None:
    """Overwrite headers in a mutation."""
    for name, value in headers.items():
        option = mutation.set_headers.add(append_action=pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
        option.header.key, option.header.raw_value = name, value.encode()


def lines(fields: dict[str, object]) -> str:
    """What is said of one attempt, as attempt.lua reads it."""
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


@dataclass
class Reply:
    """What the client got."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool = True

    @property
    def error(self) -> dict[str, object]:
        """The OpenAI error; an assertion that it is one, with a request id."""
        assert self.headers["content-type"].startswith("application/json")
        assert self.headers["x-request-id"]
        return json.loads(self.body)["error"]


class Rig:
    """Envoy, its workers and its upstreams. Change `hooks`, `upstreams` and the arguments of `start` to set a scene."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.upstreams: dict[str, Upstream] = {}
        self.workers = [Worker(directory / "w0.sock", self)]
        self.plan: list[str] = []
        self.bodies: dict[str, str] = {}
        self.more_plan: dict[str, object] = {}
        self.tickets: dict[str, str] = {}
        self.again: set[str] = set()
        self.whole = False
        self.limits: dict[str, int] = {}
        self.request_headers: dict[str, str] = {}
        self.hooks = {
            "request_headers": self.claim,
            "request_body": self.ask,
            "response_headers": lambda _: pb.ProcessingResponse(response_headers=pb.HeadersResponse()),
            "response_body": lambda _: pb.ProcessingResponse(response_body=pb.BodyResponse()),
            "response_trailers": lambda _: pb.ProcessingResponse(response_trailers=pb.TrailersResponse()),
            "resign": lambda _: PermissionError("no ticket is good"),
        }
        self.settings: Settings | None = None
        self.envoy: EnvoyProcess | None = None
        self.exits: list[int] = []

    answer, set_headers = Answer, staticmethod(set_headers)

    def reset(self) -> None:
        """Forget what happened, for the next scene on the same stage."""
        for upstream in self.upstreams.values():
            upstream.answer = Answer(body=upstream.name.encode())
            upstream.received, upstream.script, upstream.violations, upstream.cut = [], [], [], 0
        for worker in self.workers:
            worker.messages.clear()
        self.plan = list(self.upstreams)
        self.bodies, self.request_headers, self.tickets, self.more_plan = {}, {}, {}, {}
        self.again, self.whole = set(), False
        self.hooks["resign"] = lambda _: PermissionError("no ticket is good")

    def call(self, awaitable):
        """Run something in the rig's loop."""
        return asyncio.run_coroutine_threadsafe(awaitable, self.loop).result(60)

    def upstream(self, name: str, *, listening: bool = True) -> Upstream:
        """A new upstream, the target of that name."""
        upstream = self.upstreams[name] = Upstream(name)
        self.plan.append(name)
        if listening:
            self.call(upstream.start())
        return upstream

    @property
    def targets(self) -> tuple[Target, ...]:
        """The upstreams as one failover group."""
        return tuple(
            Target(name, name, ("model",), "us-east-1", scheme="http", host="127.0.0.1", port=upstream.port)
            for name, upstream in self.upstreams.items()
        )

    def start(
        self, *, limits: Limits | None = None, targets=None, mutate=None, dynamic: bool = False, **settings
    ) -> None:
        """Render, start the workers and Envoy, and wait until it listens. `mutate` may break the rendered document."""
        self.settings = replace(
            Settings(
                listen=Address("127.0.0.1", free_port()),
                workers=tuple(Address(path=str(worker.path)) for worker in self.workers),
                trap=Address("127.0.0.1", free_port()),
                admin=Address(path=str(self.directory / "admin.sock")),
                access_log=str(self.directory / "access.log"),
            ),
            **settings,
        )
        targets = self.targets if targets is None else targets
        if dynamic:
            documents = render.dynamic(self.settings, targets, limits or Limits(), str(self.directory))
        else:
            documents = {"bootstrap.json": render.static(self.settings, targets, limits or Limits())}
        if mutate is not None:
            mutate(documents["bootstrap.json"])
        self.call(self._start(documents))

    async def _start(self, documents) -> None:
        for worker in self.workers:
            await worker.start()
        admin = Path(self.settings.admin.path)
        self.envoy = EnvoyProcess(find_envoy(), self.directory, admin, concurrency=1, on_exit=self.exits.append)
        await self.envoy.start(documents)
        await self.envoy.wait_ready()

    def claim(self, _: pb.ProcessingRequest) -> pb.ProcessingResponse:
        """The worker's usual answer to request headers."""
        message = pb.ProcessingResponse(request_headers=pb.HeadersResponse())
        message.dynamic_metadata.update({"kt.audit": {"claimed": "1"}})
        return message

    def attempt(self, name: str, body: bytes) -> dict[str, str]:
        """The headers that a worker would have signed for a target."""
        return {
            ":path": f"/endpoints/{name}/invocations",
            ":authority": f"runtime.{name}.example",
            "content-length": str(len(body)),
            "content-type": "application/json",
            "authorization": f"AWS4-HMAC-SHA256 for {name}",
            "x-amz-date": "20260101T000000Z",
        }

    def ask(self, message: pb.ProcessingRequest) -> pb.ProcessingResponse:
        """The worker's usual answer to the body: pass it on, with a plan."""
        body = message.request_body.body
        answer = pb.ProcessingResponse(request_body=pb.BodyResponse())
        common = answer.request_body.response
        common.body_mutation.body = body
        common.clear_route_cache = True
        defaults = {"content-length": str(len(body)), "x-envoy-max-retries": str(len(self.plan))}
        set_headers(common.header_mutation, {**defaults, **self.request_headers})
        attempts: dict[str, dict[str, object]] = {name: self.attempt(name, body) for name in self.plan}
        for name, text in self.bodies.items():
            attempts[name] |= {"body": "1", "content-length": str(len(text.encode()))}
        for name in set(self.tickets) & set(self.plan):
            attempts[name]["ticket"] = self.tickets[name]
        for name in self.again:
            attempts[name]["again"] = "1"
        for name in self.plan if self.whole else ():
            attempts[name]["whole"] = "1"
        attempt_ms = int(self.request_headers.get("x-envoy-upstream-rq-per-try-timeout-ms", 60_000))
        plan = {"priority_groups": [{"name": name} for name in self.plan], "attempt_ms": attempt_ms, **self.more_plan}
        plan["limits_ms"] = self.limits
        texts = {name: lines(fields) for name, fields in attempts.items()}
        answer.dynamic_metadata.update({"kt.plan": plan, "kt.attempts": texts, "kt.bodies": self.bodies})
        return answer

    def raw(self, data: bytes, *, timeout: float = 20.0) -> Reply:
        """Send bytes to the listener and read one answer."""
        with socket.create_connection(("127.0.0.1", self.settings.listen.port), timeout=timeout) as connection:
            with contextlib.suppress(ConnectionError, BrokenPipeError):
                connection.sendall(data)
            client = h11.Connection(h11.CLIENT)
            client.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
            client.send(h11.EndOfMessage())
            head, body = None, bytearray()
            try:
                while not isinstance(event := client.next_event(), h11.EndOfMessage):
                    if event is h11.NEED_DATA:
                        client.receive_data(connection.recv(2**16))
                    elif isinstance(event, h11.Response):
                        head = event
                    elif isinstance(event, h11.Data):
                        body += event.data
            except (h11.RemoteProtocolError, ConnectionError):
                return self._reply(head, body, complete=False)
        return self._reply(head, body, complete=True)

    @staticmethod
    def _reply(head, body: bytearray, *, complete: bool) -> Reply:
        if head is None:
            return Reply(0, {}, bytes(body), complete=False)
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        return Reply(head.status_code, headers, bytes(body), complete)

    def post(
        self, body: bytes = b'{"model":"model"}', headers: dict[str, str] | None = None, path: str = "/v1/x"
    ) -> Reply:
        """One POST on a connection of its own."""
        fields = {"host": "gateway.example", "content-length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return self.raw(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)

    def posts(self, count: int, **arguments) -> list[Reply]:
        """Many at the same time."""
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(lambda _: self.post(**arguments), range(count)))

    def outcomes(self) -> list[dict[str, object]]:
        """The attempts of the last exchange, as its worker was told of them."""
        messages = [message for worker in self.workers for message in worker.seen("response_headers")]
        fields = messages[-1].metadata_context.filter_metadata["kt.outcomes"]
        entries = dict(fields)
        attempts = [dict(line.split(": ", 1) for line in entries[key].splitlines()) for key in sorted(entries, key=int)]
        numbers = {"status", "original_status", "retry_after"}
        # Some are attempt.lua's own affair, and how long an attempt took is never the same twice.
        for attempt in attempts:
            for name in ("began", "elapsed_ms", "retriable", "whole"):
                attempt.pop(name, None)
        return [
            {name: float(value) if name in numbers else value for name, value in attempt.items()}
            for attempt in attempts
        ]

    def attributes(self) -> dict[str, object]:
        """The attributes of the last answer's head."""
        messages = [message for worker in self.workers for message in worker.seen("response_headers")]
        return dict(messages[-1].attributes["envoy.filters.http.ext_proc"])

    def open_gate(self, upstream: Upstream) -> None:
        """Let an upstream that waits at a "<gate>" piece go on."""
        self.loop.call_soon_threadsafe(upstream.gate.set)

    def admin(self, path: str, method: str = "GET"):
        """Ask Envoy's admin endpoint; to be passed to `call`."""
        return ask(Path(self.settings.admin.path), method, path)

    def add_worker(self) -> Worker:
        """One worker more; it starts with the rig, or by its own `start`."""
        self.workers.append(Worker(self.directory / f"w{len(self.workers)}.sock", self))
        return self.workers[-1]

    @staticmethod
    async def later(seconds: float, answer: pb.ProcessingResponse) -> pb.ProcessingResponse:
        """What a hook returns to take its time."""
        await asyncio.sleep(seconds)
        return answer

    @staticmethod
    def wait_for(condition) -> None:
        """Until something has happened; the test ends in an error when it does not."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.01)

    def stream_answers(self, until: bytes = b"") -> None:
        """Have answers streamed through the worker, up to and without `until`, which ends them with END."""

        def head(_: pb.ProcessingRequest) -> pb.ProcessingResponse:
            message = pb.ProcessingResponse(response_headers=pb.HeadersResponse())
            message.mode_override.response_body_mode = pb.ProcessingMode.FULL_DUPLEX_STREAMED
            message.mode_override.response_trailer_mode = pb.ProcessingMode.SEND
            return message

        def chunk(request: pb.ProcessingRequest) -> pb.ProcessingResponse:
            message = pb.ProcessingResponse(response_body=pb.BodyResponse())
            streamed = message.response_body.response.body_mutation.streamed_response
            good, found, _ = (
                request.response_body.body.partition(until) if until else (request.response_body.body, b"", b"")
            )
            streamed.body = good + (b"END" if found else b"")
            streamed.end_of_stream = bool(found) or request.response_body.end_of_stream
            return message

        self.hooks |= {"response_headers": head, "response_body": chunk}

    def log_lines(self) -> list[dict[str, object]]:
        """Envoy's access log, after Envoy has flushed it."""
        self.call(self.envoy.stop())
        return [json.loads(line) for line in Path(self.settings.access_log).read_text().splitlines()]

    def close(self) -> None:
        """End everything that was started."""
        if self.envoy is not None:
            self.call(self.envoy.stop())
        for part in (*self.workers, *self.upstreams.values()):
            self.call(part.stop())
        self.call(self._cancel_rest())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    @staticmethod
    async def _cancel_rest() -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


def without_ejection(document: dict) -> None:
    """For scenes in which one upstream fails over and over: it stays in the pool."""
    for cluster in document["static_resources"]["clusters"]:
        cluster.pop("outlier_detection", None)


@pytest.fixture
def rig(tmp_path_factory):
    """A scene to set; ended after the test whatever happened."""
    rig = Rig(tmp_path_factory.mktemp("r"))
    yield rig
    rig.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Envoy with the targets `east` and `west`, started once for all tests of a module."""
    rig = Rig(tmp_path_factory.mktemp("r"))
    rig.upstream("east")
    rig.upstream("west")
    rig.start(mutate=without_ejection)
    yield rig
    rig.close()


@pytest.fixture
def pair(stage):
    """The stage, swept."""
    stage.reset()
    return stage
