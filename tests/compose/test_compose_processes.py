"""What `docker compose up` starts, started by hand: the same commands, environment and Envoy configuration.

Without a container engine, names become loopback ports and the audit volume a folder; nothing else is changed.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from extproc.edge.envoy_binary import find_envoy

ROOT = Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
WORKERS = ("worker-0", "worker-1")
REGIONS = ("sagemaker-us-east-1", "sagemaker-us-west-2")
# (host, port) as the committed files say → what stands there. 0.0.0.0:41002 is the listener.
ADDRESSES = [
    *((name, 50051) for name in WORKERS),
    *((name, 9464) for name in WORKERS),
    *((name, 8080) for name in REGIONS),
    ("0.0.0.0", 41002),
    ("127.0.0.1", 9901),
    ("127.0.0.1", 41009),
]


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def moved(document, ports):
    """A configuration with every socket address put where this machine has it."""
    if isinstance(document, dict):
        if set(document) == {"address", "port_value"}:
            return {"address": "127.0.0.1", "port_value": ports[document["address"], document["port_value"]]}
        return {key: moved(value, ports) for key, value in document.items()}
    return [moved(value, ports) for value in document] if isinstance(document, list) else document


@contextmanager
def child(command, environ, log):
    """A process that is stopped as compose stops it, and must then end well within its grace period."""
    process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert process.returncode == 0, command


def wait_for(probe, process, log: Path) -> None:
    """Repeat a service's own health check until it passes."""
    for _ in range(300):
        if subprocess.run(probe, cwd=ROOT, check=False, capture_output=True).returncode == 0:
            return
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(f"never healthy: {probe}\n{log.read_text()}")


@pytest.fixture(scope="module")
def compose(tmp_path_factory):
    """All five services, healthy: the gateway's URL, the first region's process, the audit folder, the metrics."""
    folder = tmp_path_factory.mktemp("compose")
    ports = dict(zip(ADDRESSES, free_ports(len(ADDRESSES)), strict=True))
    policies = (ROOT / "envoy" / "compose" / "policy-config.yaml").read_text(encoding="utf-8")
    assert policies.count("/var/lib/kt/audit") == 1
    (folder / "policy-config.yaml").write_text(policies.replace("/var/lib/kt/audit", str(folder / "audit")))
    envoy = yaml.safe_load((ROOT / "envoy" / "compose" / "envoy.yaml").read_text(encoding="utf-8"))
    (folder / "envoy.json").write_text(json.dumps(moved(envoy, ports)))

    def here(name, words):
        port = ports[name, 8080 if name in REGIONS else 50051]
        return [
            word.replace("0.0.0.0", "127.0.0.1")
            .replace(":50051", f":{port}")
            .replace(":8080", f":{port}")
            .replace(":9464", f":{ports.get((name, 9464))}")
            .replace("/etc/kt/policy-config.yaml", str(folder / "policy-config.yaml"))
            .replace("/var/lib/kt/tickets/key", str(folder / "ticket.key"))
            .replace("/var/lib/kt/observations", str(folder / "observations"))
            for word in words
        ]

    kt = [sys.executable, "-m", "extproc"]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    processes = {}
    with ExitStack() as stack:
        for name in (*REGIONS, *WORKERS):
            log = folder / f"{name}.log"
            environ = clean | SERVICES[name]["environment"] | {"PYTHONPATH": str(ROOT)}
            command = [*kt, *here(name, SERVICES[name]["command"])]
            processes[name] = stack.enter_context(child(command, environ, stack.enter_context(log.open("wb"))))
            wait_for([*kt, *here(name, SERVICES[name]["healthcheck"]["test"][2:])], processes[name], log)
        log = folder / "envoy.log"
        options = [
            word.replace("/etc/envoy/envoy.yaml", str(folder / "envoy.json")) for word in SERVICES["envoy"]["command"]
        ]
        process = stack.enter_context(child([find_envoy(), *options], clean, stack.enter_context(log.open("wb"))))
        port = ports["0.0.0.0", 41002]
        probe = [
            word.replace("$$", "$").replace("41002", str(port)) for word in SERVICES["envoy"]["healthcheck"]["test"]
        ]
        wait_for(probe[1:], process, log)
        metrics = [f"http://127.0.0.1:{ports[name, 9464]}/metrics" for name in WORKERS]
        yield f"http://127.0.0.1:{port}", processes["sagemaker-us-east-1"], folder / "audit", metrics


def ask(url: str, text: str, **more) -> httpx.Response:
    """A chat completion."""
    body = {"model": "jumpstart-llama-3-3-70b", "messages": [{"role": "user", "content": text}], **more}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=30)


@pytest.mark.envoy
def test_composed_services_serve_guard_and_survive(compose):
    """The committed files together redact, stream, refuse, and answer from us-west-2 when us-east-1 is gone."""
    url, first_region, audit, metrics = compose
    whole = ask(url, "Write to jane@example.com")
    assert whole.status_code == 200
    assert whole.json()["choices"][0]["message"]["content"] == "Write to [EMAIL_REDACTED]"
    assert whole.headers["x-kt-target"] == "sagemaker-us-east-1"
    stream = ask(url, "Write to jane@example.com", stream=True)
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.text.endswith("data: [DONE]\n\n")
    assert "jane@example.com" not in stream.text
    assert ask(url, "My key is AKIAIOSFODNN7EXAMPLE").status_code == 409
    # Made by the first worker, found by the second: both serve.
    assert (audit.parent / "ticket.key").stat().st_mode & 0o777 == 0o600
    assert len(list((audit.parent / "observations").glob("*.rows"))) == 2
    first_region.terminate()
    first_region.wait(20)
    survived = ask(url, "Are you there?")
    assert survived.status_code == 200
    assert survived.headers["x-kt-target"] == "sagemaker-us-west-2"
    lines = [json.loads(line) for path in audit.rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert len([line for line in lines if line["event"] == "exchange"]) == 4
    # Each worker tells of its own; what it counts of an exchange it counts at the end, when Envoy is done with it.
    counted = re.compile(r'^kt_exchanges_total\{endpoint="chat/completions",.*\} (\S+)$', re.MULTILINE)
    for _ in range(100):
        told = [httpx.get(each).text for each in metrics]
        if sum(float(count) for text in told for count in counted.findall(text)) == 4:
            break
        time.sleep(0.1)
    assert sum(float(count) for text in told for count in counted.findall(text)) == 4
    assert all("kt_loop_lag_seconds" in text for text in told)
