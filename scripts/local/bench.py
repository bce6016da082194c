"""scripts/bench: bare Envoy, the gateway without policies and with enterprise.yaml's, side by side in one run.

All of them stand at the same time and are loaded in turns of a few seconds, so that whatever else the machine does
falls on each alike. CPU is what the kernel accounts to the processes, so it holds even where the load generator or the
emulator is what limits the requests per second.
"""

from __future__ import annotations

import argparse
import copy
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from processes import CREDENTIALS, ROOT, NotStarted, Processes, environment, free_port, kt, processes
from report import Figures, as_json, as_text
from usage import NOTHING, Usage, children, is_envoy, usage

from extproc.edge.envoy_binary import find_envoy
from extproc.routing.targets import Credentials
from extproc.sagemaker.sigv4 import payload_hash, sign

REGION = "us-east-1"
MODEL = "jumpstart-llama-3-3-70b"
ANSWER_TOKENS = 32
STREAM_TOKENS = 100
WORDS = "The quarterly report is due on Friday and the team will meet to review its open questions before lunch. "


@dataclass
class Variant:
    """One thing to measure: where it listens and which processes' CPU it uses, per kind of load."""

    name: str
    port: int
    envoy: int
    workers: list[int]
    requests: dict[str, Path]
    figures: dict[str, Figures] = field(default_factory=lambda: {"unary": Figures(), "stream": Figures()})


def main() -> int:
    """Measure and print; returns 1 when any answer was not a 200."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    parser.add_argument("--connections", type=int, default=16, metavar="N", help="at a time (default 16)")
    parser.add_argument("--seconds", type=float, default=6.0, metavar="S", help="of load for each figure (default 6)")
    parser.add_argument("--prompt-bytes", type=int, default=1000, metavar="N", help="of each request (default 1000)")
    parser.add_argument("--workers", type=int, metavar="N", help="of each gateway (default: one per core)")
    parser.add_argument(
        "--audit", action="store_true", help="without policies, one gateway for each level of the audit's durability"
    )
    parser.add_argument(
        "--transport", action="append", metavar="NAME", help="of the gateways' workers; twice: both, side by side"
    )
    given = parser.parse_args()
    rounds = 3 if given.seconds >= 3 else 1
    with tempfile.TemporaryDirectory(prefix="kt-bench-") as name, processes(Path(name)) as running:
        try:
            variants = start(running, Path(name), given)
            for variant in variants:  # warm up: connections, code paths, the workers' memory
                for kind in variant.requests:
                    measure(variant, kind, given.connections, 0.5)
                    variant.figures[kind] = Figures()
            for kind in ("unary", "stream"):
                for _ in range(rounds):
                    for variant in variants:
                        measure(variant, kind, given.connections, given.seconds / rounds)
        except NotStarted as error:
            print(error, file=sys.stderr)
            return 1
    results = {variant.name: variant.figures for variant in variants}
    settings = {"connections": given.connections, "seconds": given.seconds, "prompt_bytes": given.prompt_bytes,
                "answer_tokens": ANSWER_TOKENS, "stream_tokens": STREAM_TOKENS}  # fmt: skip
    print(as_json(results, settings) if given.json else as_text(results, settings))
    failed = sum(figures.failed for variant in variants for figures in variant.figures.values())
    return 1 if failed else 0


def start(running: Processes, directory: Path, given: argparse.Namespace) -> list[Variant]:
    """The emulator, a bare Envoy and two gateways, all ready."""
    port = free_port()
    running.start(
        "sagemaker", kt("sagemaker", "emulate", "--listen", f"127.0.0.1:{port}", "--region", REGION), environment()
    )
    running.wait_http("sagemaker", f"http://127.0.0.1:{port}/emulator/health")
    calls = {kind: call(kind, given.prompt_bytes) for kind in ("unary", "stream")}
    configs = {"no policies": NO_POLICIES, "enterprise.yaml": ENTERPRISE}
    if given.audit:
        configs = {name: audited(settings) for name, settings in AUDIT.items()}
    gateways = [
        gateway(
            running,
            directory,
            f"{name}, {transport}" if given.transport else name,
            config,
            upstream=port,
            calls=calls,
            options=[
                *(["--workers", str(given.workers)] if given.workers else []),
                *(["--transport", transport] if given.transport else []),
            ],
        )
        for name, config in configs.items()
        for transport in given.transport or [""]
    ]
    # Ratios are to the first: of the audit's levels, to none at all.
    return gateways if given.audit else [bare(running, directory, port, calls), *gateways]


def call(kind: str, prompt_bytes: int) -> bytes:
    """A chat call whose answer is a fixed number of tokens; `emulator` is a field the emulator understands."""
    prompt = (WORDS * (prompt_bytes // len(WORDS) + 1))[:prompt_bytes]
    document: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
    document["emulator"] = {"tokens": STREAM_TOKENS if kind == "stream" else ANSWER_TOKENS}
    return json.dumps(document | ({"stream": True} if kind == "stream" else {})).encode()


def http(directory: Path, name: str, path: str, headers: dict[str, str], body: bytes) -> Path:
    """A file with a whole HTTP/1.1 request."""
    fields = {**headers, "content-type": "application/json", "content-length": str(len(body))}
    head = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
    file = directory / f"{name}.http"
    file.write_bytes(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    return file


def bare(running: Processes, directory: Path, upstream: int, calls: dict[str, bytes]) -> Variant:
    """Envoy with one route and no filter but the router; the client signs, once, for all its requests."""
    port = free_port()
    config = directory / "bare.json"
    config.write_text(json.dumps(bare_envoy(port, upstream)))
    child = running.start("bare", [find_envoy(), "-c", config, "--disable-hot-restart", "-l", "warning"], environment())
    running.wait_http("bare", f"http://127.0.0.1:{port}/", any_status=True)
    host = f"127.0.0.1:{upstream}"
    credentials = Credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
    requests = {}
    for kind, body in calls.items():
        path = f"/endpoints/{MODEL}/invocations" + ("-response-stream" if kind == "stream" else "")
        signature = sign(
            method="POST", path=path, host=host, headers={"content-type": "application/json"},
            payload_hash=payload_hash(body), region=REGION, credentials=credentials, now=time.time(),
        )  # fmt: skip
        requests[kind] = http(directory, f"bare-{kind}", path, {"host": host, **signature}, body)
    return Variant("bare Envoy", port, child.pid, [], requests)


def bare_envoy(port: int, upstream: int) -> dict[str, Any]:
    """The smallest Envoy in front of the emulator."""
    router = {"name": "router", "typed_config": {"@type": type_url("filters.http.router.v3.Router")}}
    manager = {
        "@type": type_url("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "bare",
        "http_filters": [router],
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "all"}}]}
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


NO_POLICIES = {"pack": {"name": "bench", "version": "1.0.0", "enabled": True}, "policies": {"chain": []},
               "providers": {"targets": [{"id": "sagemaker", "provider": f"sagemaker:chat:{MODEL}"}]}}  # fmt: skip
ENTERPRISE = yaml.safe_load((ROOT / "tests" / "data" / "configs" / "enterprise.yaml").read_text(encoding="utf-8"))

# The audit's levels of durability; the signing key is the session's own in all of them.
AUDIT: dict[str, dict[str, Any] | None] = {
    "no audit": None,
    "queued": {"immutable": False},
    "on disk": {"immutable": True},
    "on disk, one by one": {"immutable": True, "max_batch": 1},
}


def audited(settings: dict[str, Any] | None) -> dict[str, Any]:
    """A configuration without policies but the audit's."""
    config = copy.deepcopy(NO_POLICIES)
    if settings is not None:
        config |= {"policies": {"chain": ["audit-logger"]}, "policy": {"audit-logger": settings}}
    return config


def gateway(
    running: Processes,
    directory: Path,
    name: str,
    config: dict[str, Any],
    *,
    upstream: int,
    calls: dict[str, bytes],
    options: list[str],
) -> Variant:
    """`kt gateway run` with a configuration whose every target is the emulator."""
    port = free_port()
    place = {"base_url": f"http://127.0.0.1:{upstream}", "aws_region": REGION}
    config["providers"]["targets"] = [{**target, **place} for target in config["providers"]["targets"]]
    folder = directory / name.replace(", ", "-").replace(" ", "-")
    folder.mkdir()
    (folder / "policy-config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    command = kt("gateway", "run", "--listen", f"127.0.0.1:{port}", "--policy-config", folder / "policy-config.yaml")
    child = running.start(name, [*command, "--drain-seconds", "2", *options], environment())
    running.wait_http(name, f"http://127.0.0.1:{port}/readyz")
    below = children(child.pid)
    requests = {
        kind: http(folder, kind, "/v1/chat/completions", {"host": "gateway", "authorization": "Bearer unused"}, body)
        for kind, body in calls.items()
    }
    envoy = next(pid for pid in below if is_envoy(pid))
    return Variant(name, port, envoy, [pid for pid in below if pid != envoy], requests)


def measure(variant: Variant, kind: str, connections: int, seconds: float) -> None:
    """One turn of load, added to the variant's figures."""

    def spent() -> tuple[Usage, Usage]:
        return usage(variant.envoy), sum((usage(pid) for pid in variant.workers), NOTHING)

    before = spent()
    program = Path(__file__).with_name("load.py")
    command: list[str | Path] = [sys.executable, program, "--port", str(variant.port)]
    command += ["--request", variant.requests[kind]]
    command += ["--connections", str(connections), "--seconds", str(seconds)]
    outcome = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=seconds + 60).stdout)
    after = spent()
    variant.figures[kind].add(
        outcome,
        tokens=STREAM_TOKENS if kind == "stream" else ANSWER_TOKENS,
        envoy=Usage(after[0].cpu - before[0].cpu, after[0].memory),
        workers=Usage(after[1].cpu - before[1].cpu, after[1].memory),
    )


if __name__ == "__main__":
    sys.exit(main())
