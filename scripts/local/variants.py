"""What scripts/bench measures: bare Envoy and gateways in front of one emulated SageMaker, and how each is asked."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from processes import CREDENTIALS, ROOT, environment, free_port, kt
from report import Figures
from usage import children, is_envoy
from varying import MARK, letters

from extproc.edge.envoy_binary import find_envoy
from extproc.routing.targets import Credentials
from extproc.sagemaker.sigv4 import payload_hash, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from processes import Processes

KINDS = ("unary", "stream")
# Kind of load whose answers are streams → the emulator's knobs. As fast as they come; a model's pace, whose tokens come
# one by one; and only to be open for long.
STREAMS: dict[str, dict[str, int]] = {
    "stream": {"tokens": 100},
    "paced": {"tokens": 200, "delay_ms": 20},
    "open": {"tokens": 24, "delay_ms": 500},
}
# Kind of load whose calls are conversations → which of their turns are new in each call.
TURNS, TURN_BYTES = 20, 1024
CONVERSATIONS = {"continued": range(TURNS - 1, TURNS), "strange": range(TURNS)}
REGION = "us-east-1"
MODEL = "jumpstart-llama-3-3-70b"
STREAM_TOKENS = STREAMS["stream"]["tokens"]
WORDS = "The quarterly report is due on Friday and the team will meet to review its open questions before lunch. "

NO_POLICIES = {"pack": {"name": "bench", "version": "1.0.0", "enabled": True}, "policies": {"chain": []},
               "providers": {"targets": [{"id": "sagemaker", "provider": f"sagemaker:chat:{MODEL}"}]}}  # fmt: skip
ENTERPRISE = yaml.safe_load((ROOT / "tests" / "data" / "configs" / "enterprise.yaml").read_text(encoding="utf-8"))


@dataclass
class Variant:
    """One thing to measure: where it listens, what its processes are (part → PIDs), and how it is asked.

    `request` returns the file with the whole HTTP request of a kind of load, made for the turn that begins.
    """

    name: str
    port: int
    parts: dict[str, list[int]]
    request: Callable[[str], Path]
    figures: dict[str, Figures] = field(default_factory=lambda: defaultdict(Figures))

    def in_one(self, supervisor: int | None = None) -> Variant:
        """The same with all processes as one part, for comparison with what has other parts."""
        pids = [pid for part in self.parts.values() for pid in part]
        return Variant(self.name, self.port, {"all": [*pids, *([supervisor] if supervisor else [])]}, self.request)


def call(kind: str, *, prompt_bytes: int, answer_tokens: int, model: str = MODEL) -> bytes:
    """A chat call whose answer is a fixed number of tokens; `emulator` is a field the emulator understands.

    Of a conversation's calls each turn has TURN_BYTES, whatever the prompt has.
    """
    messages = [{"role": "user", "content": text(prompt_bytes, MARK)}]
    if kind in CONVERSATIONS:
        messages = conversation(CONVERSATIONS[kind])
    document: dict[str, Any] = {"model": model, "messages": messages}
    document["emulator"] = STREAMS.get(kind, {"tokens": answer_tokens})
    return json.dumps(document | ({"stream": True} if kind in STREAMS else {})).encode()


def text(size: int, first: str) -> str:
    """A harmless text of so many bytes that begins with that word."""
    return f"{first} {WORDS * (size // len(WORDS) + 1)}"[:size]


def conversation(varied: range) -> list[dict[str, str]]:
    """A system's message, then user and assistant in turn, the user's last; each is another text."""
    own = [letters(turn).decode() for turn in range(1, TURNS + 1)]
    return [
        {
            "role": "user" if turn % 2 else "assistant" if turn else "system",
            "content": text(TURN_BYTES, f"{MARK} {own[turn]}" if turn in varied else own[turn]),
        }
        for turn in range(TURNS)
    ]


def operation(kind: str) -> str:
    """The path of SageMaker's operation."""
    return f"/endpoints/{MODEL}/invocations" + ("-response-stream" if kind in STREAMS else "")


def http(file: Path, path: str, headers: Mapping[str, str], body: bytes) -> Path:
    """Write a whole HTTP/1.1 request."""
    fields = {**headers, "content-type": "application/json", "content-length": str(len(body))}
    head = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
    file.write_bytes(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    return file


def emulator(running: Processes) -> tuple[int, int]:
    """Start the upstream of everything that is measured; returns its port and its PID."""
    port = free_port()
    command = kt("sagemaker", "emulate", "--listen", f"127.0.0.1:{port}", "--region", REGION)
    child = running.start("sagemaker", command, environment())
    running.wait_http("sagemaker", f"http://127.0.0.1:{port}/emulator/health")
    return port, child.pid


def bare(running: Processes, directory: Path, upstream: int, calls: Mapping[str, bytes]) -> Variant:
    """Envoy with one route and no filter but the router; the client signs, once a turn, for all its requests.

    So these are the same to the last letter, unlike others': nobody reads them but the emulator, which remembers none.
    """
    port = free_port()
    host = f"127.0.0.1:{upstream}"
    pid = envoy(running, directory, "bare", bare_envoy(port, upstream))
    running.wait_http("bare", f"http://127.0.0.1:{port}/", any_status=True)
    credentials = Credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])

    def request(kind: str) -> Path:
        body = calls[kind].replace(MARK.encode(), letters(1))
        # A signature holds for five minutes, which a long run exceeds.
        signature = sign(
            method="POST", path=operation(kind), host=host, headers={"content-type": "application/json"},
            payload_hash=payload_hash(body), region=REGION, credentials=credentials, now=time.time(),
        )  # fmt: skip
        return http(directory / f"bare-{kind}.http", operation(kind), {"host": host, **signature}, body)

    return Variant("bare Envoy", port, {"envoy": [pid], "workers": []}, request)


def envoy(running: Processes, directory: Path, name: str, config: Mapping[str, Any]) -> int:
    """Start an Envoy; returns its PID."""
    file = directory / f"{name}.json"
    file.write_text(json.dumps(config))
    return running.start(name, [find_envoy(), "-c", file, "--disable-hot-restart", "-l", "warning"], environment()).pid


def bare_envoy(port: int, upstream: int, **action: Any) -> dict[str, Any]:
    """The smallest Envoy in front of the emulator; `action` are more fields of its RouteAction."""
    router = {"name": "router", "typed_config": {"@type": type_url("filters.http.router.v3.Router")}}
    manager = {
        "@type": type_url("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "bare",
        "http_filters": [router],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "all", **action}}],
                }
            ]
        },
    }
    return {
        "static_resources": {
            "listeners": [
                {
                    "address": socket_address(port),
                    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                }
            ],
            "clusters": [
                {
                    "name": "all",
                    "load_assignment": {
                        "cluster_name": "all",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(upstream)}}]}],
                    },
                }
            ],
        }
    }


def type_url(name: str) -> str:
    """The type of one of Envoy's extensions."""
    return f"type.googleapis.com/envoy.extensions.{name}"


def socket_address(port: int) -> dict[str, Any]:
    """A port of the loopback interface."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def gateway(
    running: Processes,
    directory: Path,
    name: str,
    config: dict[str, Any],
    *,
    upstream: int,
    calls: Mapping[str, bytes],
    options: Sequence[str],
) -> tuple[Variant, int]:
    """`kt gateway run` with a configuration whose every target is the emulator, and its supervisor's PID."""
    port = free_port()
    folder = directory / name.replace(", ", "-").replace(" ", "-")
    child = running.start(name, [*run_command(folder, config, upstream, port), *options], environment())
    running.wait_http(name, f"http://127.0.0.1:{port}/readyz")
    headers = {"host": "gateway", "authorization": "Bearer unused"}
    files = {kind: http(folder / f"{kind}.http", "/v1/chat/completions", headers, body) for kind, body in calls.items()}
    below = children(child.pid)
    parts = {"envoy": [pid for pid in below if is_envoy(pid)], "workers": [pid for pid in below if not is_envoy(pid)]}
    return Variant(name, port, parts, files.__getitem__), child.pid


def run_command(folder: Path, config: Mapping[str, Any], upstream: int, port: int) -> list[str | Path]:
    """How to run a gateway with that configuration, written into a new folder, whose every target is the emulator."""
    place = {"base_url": f"http://127.0.0.1:{upstream}", "aws_region": REGION}
    targets = [{**target, **place} for target in config["providers"]["targets"]]
    folder.mkdir()
    file = folder / "policy-config.yaml"
    written = {**config, "providers": {**config["providers"], "targets": targets}}
    file.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
    given = ("--listen", f"127.0.0.1:{port}", "--policy-config", file, "--drain-seconds", "2")
    return kt("gateway", "run", *given)
