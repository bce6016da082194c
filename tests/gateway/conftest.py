"""The gateway as its users run it: `kt gateway run` with a real Envoy, in front of two emulated SageMaker regions."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import httpx
import openai
import pytest

ACCESS_KEY = "AKIAGATEWAYTESTS0001"
SECRET_KEY = "tests/only+secret/never/used/elsewhere00"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
# Long enough for a busy machine with two cores; nothing is asserted about time.
PATIENCE = 60.0

ENTERPRISE = """
policies:
  chain: [prompt-injection, pii-detector, dlp-filter, audit-logger]
policy:
  prompt-injection: {threshold: 0.8, action: block}
  pii-detector: {action: redact, entities: [EMAIL, PHONE, SSN, CREDIT_CARD]}
  dlp-filter:
    patterns:
      - {name: aws-access-key, regex: 'AKIA[A-Z0-9]{16}', action: block}
      - {name: aws-secret-key, regex: '[A-Za-z0-9/+=]{40}', action: redact}
      - {name: internal-arn, regex: 'arn:aws:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:', action: redact}
  audit-logger: {immutable: true, retention_days: 365, log_all_access: true}
"""

# A target that failed before is asked again, every time: for tests of what becomes of each single failure.
EVERY_TIME = "circuit_breaker: {enabled: false}\n"


# Lines by which the trail proves itself.
BOOKKEEPING = {"opened", "seal", "checkpoint", "closed"}


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def eventually(condition, *, seconds: float = PATIENCE):
    """The first true value of `condition()`, asked again and again; fails when it stays false."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{condition} stayed {value!r}"
        time.sleep(0.05)


def environment(**more: str) -> dict[str, str]:
    """The test's own environment without any AWS setting of the machine's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", "PYTHONUNBUFFERED": "1", **more}


def get(url: str, *, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    """A plain request; status 0 when nobody listens."""
    try:
        request = urllib.request.Request(url, method=method, data=body)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


@dataclass
class Region:
    """One emulated region: a process of `kt sagemaker emulate`."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    secure: bool = False

    @property
    def url(self) -> str:
        """Where it listens; with TLS by the name in its certificate."""
        return f"https://localhost:{self.port}" if self.secure else f"http://127.0.0.1:{self.port}"

    def requests(self) -> list[dict]:
        """What it has seen since the last reset, oldest first."""
        document = json.loads(get(f"{self.url}/emulator/requests")[1])
        return document["requests"] if isinstance(document, dict) else document

    def bodies(self) -> list[dict]:
        """The request bodies it has seen, oldest first."""
        return [json.loads(entry["body"]) for entry in self.requests()]

    def reset(self) -> None:
        """Forget requests and faults."""
        assert get(f"{self.url}/emulator/reset", method="POST", body=b"{}")[0] in (200, 204)


def start_region(
    name: str, *options: str, port: int | None = None, access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False
) -> Region:
    """Start an emulated region and wait until it listens; `secure`: the options give it a certificate."""
    port = port or free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "extproc", "sagemaker", "emulate", "--listen", f"127.0.0.1:{port}"),
            *("--region", name, "--access-key", access_key, "--secret-key", secret_key, *options),
        ],
        stdout=subprocess.DEVNULL,
        env=environment(),
    )
    region = Region(name, port, process, secure)

    def listens():
        assert process.poll() is None
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    eventually(listens)
    return region


@pytest.fixture(scope="session")
def regions():
    """us-east-1 and us-west-2, shared by all tests; each test starts from a reset."""
    started = [start_region("us-east-1"), start_region("us-west-2")]
    yield started
    for region in started:
        region.process.terminate()
    for region in started:
        region.process.wait(PATIENCE)


@pytest.fixture
def fresh(regions):
    """The test looks at its own requests only."""
    for region in regions:
        region.reset()


@dataclass
class Gateway:
    """A running `kt gateway run`."""

    port: int
    directory: Path
    process: subprocess.Popen[bytes]
    stderr: Path
    clients: list = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, **options) -> openai.OpenAI:
        """An unchanged OpenAI client with nothing but its base URL set."""
        options = {"max_retries": 0, "timeout": PATIENCE, **options}
        client = openai.OpenAI(base_url=f"{self.url}/v1", api_key="unused", **options)
        self.clients.append(client)
        return client

    def http(self, **options) -> httpx.Client:
        """A plain HTTP client, for what no SDK would send."""
        client = httpx.Client(base_url=self.url, timeout=PATIENCE, **options)
        self.clients.append(client)
        return client

    def log(self) -> str:
        """What it wrote on standard error so far."""
        return self.stderr.read_text(errors="replace")

    def trail(self) -> list[dict]:
        """Every line of the audit trail, by start time."""
        lines = []
        for path in sorted((self.directory / "audit").glob("*.jsonl")):
            lines += [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
        return sorted(lines, key=lambda line: line.get("time") or "")

    def audit(self) -> list[dict]:
        """Every record of the audit trail, by start time: what it says of itself is left out."""
        return [line for line in self.trail() if line["event"] not in BOOKKEEPING]

    def audited(self, request_id: str) -> dict:
        """The one audit line of a request; waits for it, and fails when there are two."""

        def found():
            wanted = (request_id, "exchange")
            return [line for line in self.audit() if (line.get("request_id"), line["event"]) == wanted]

        lines = eventually(found)
        assert len(lines) == 1, lines
        return lines[0]

    def workers(self) -> list[int]:
        """Process ids of the workers: the supervisor's children that serve ext_proc."""
        pids = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes().split(b"\0")
                if parent == self.process.pid and b"serve" in command:
                    pids.append(int(entry.name))
        return sorted(pids)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it in order and return its exit status."""
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def start_gateway(
    directory: Path, config: str, *options: str, env: dict[str, str] | None = None, ready=True
) -> Gateway:
    """Write the configuration into `directory` and run the gateway there until it says that it is ready."""
    (directory / "policy-config.yaml").write_text(config)
    port = free_port()
    stderr = directory / "stderr.txt"
    with stderr.open("wb") as sink:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "extproc", "gateway", "run", "--listen", f"127.0.0.1:{port}"),
                *("--policy-config", str(directory / "policy-config.yaml"), "--drain-seconds", "20", *options),
            ],
            stdout=sink,
            stderr=sink,
            env=environment(**(CREDENTIALS if env is None else env)),
            cwd=directory,
            # A process group of its own, as a shell gives each job.
            start_new_session=True,
        )
    gateway = Gateway(port, directory, process, stderr)
    if ready:

        def is_ready():
            assert process.poll() is None, gateway.log()
            return "kt gateway ready" in gateway.log()

        eventually(is_ready)
    return gateway


def pack(targets: str, policies: str = "policies: {chain: [audit-logger]}\n", more: str = "") -> str:
    """A whole configuration from its parts."""
    return (
        f"pack: {{name: tests, version: 1.0.0, enabled: true}}\nproviders:\n  targets:\n{targets}\n{policies}\n{more}"
    )


def target(name: str, region: Region, endpoint: str, *, model: str | None = None, **fields: object) -> str:
    """One target; `model` groups targets for failover when the endpoint names differ."""
    chosen = {"model": model} if model else {}
    document = {
        "id": name,
        "provider": "sagemaker",
        "sagemaker_endpoint_name": endpoint,
        **(chosen or {"model": endpoint}),
        "aws_region": region.name,
        "base_url": region.url,
        **fields,
    }
    return f"    - {json.dumps(document)}\n"


@pytest.fixture
def gateways(tmp_path):
    """Start gateways of the test's own; every one is ended with it."""
    started = []

    def start(config: str, *options: str, **more) -> Gateway:
        directory = tmp_path / f"gateway{len(started)}"
        directory.mkdir()
        started.append(start_gateway(directory, config, *options, **more))
        return started[-1]

    yield start
    for gateway in started:
        gateway.stop(signal.SIGTERM if gateway.process.poll() is None else 0)


@pytest.fixture(scope="session")
def launch():
    """The functions of this file, for tests that start gateways and regions of their own."""
    return SimpleNamespace(
        gateway=start_gateway,
        region=start_region,
        pack=pack,
        target=target,
        eventually=eventually,
        get=get,
        free_port=free_port,
        environment=environment,
        ENTERPRISE=ENTERPRISE,
        EVERY_TIME=EVERY_TIME,
        CREDENTIALS=CREDENTIALS,
    )


@pytest.fixture(scope="session")
def node():
    """Run a program of tests/node with these arguments, and give the JSON that it printed."""
    # The environment's own Node.js first (a locked wheel), else the machine's.
    binary = shutil.which("node", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")

    def run(program: str, *arguments: str, given: str = "") -> object:
        return _printed([binary, str(Path(__file__).parent.parent / "node" / program), *arguments], given)

    return run


@pytest.fixture(scope="session")
def see(node):
    """What an OpenAI SDK ("python" or "node") shows its users of each row: tests/gateway/sdk.py, tests/node/sdk.mjs."""

    def run(sdk: str, url: str, rows: list[dict]) -> dict[str, dict]:
        if sdk == "node":
            return node("sdk.mjs", url, given=json.dumps(rows))
        return _printed([sys.executable, str(Path(__file__).parent / "sdk.py"), url], json.dumps(rows))

    return run


def _printed(command: list[str], given: str) -> object:
    ran = subprocess.run(command, input=given, capture_output=True, timeout=240, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="session")
def answer():
    """The request field that makes an emulated model say `text`, whatever it was asked.

    As code points: policies on the request see no text in it, so that what is tested is the answer's way.
    """

    def field(text: str, **knobs: object) -> dict[str, object]:
        return {"text_codes": [ord(character) for character in text], **knobs}

    return field


@pytest.fixture(scope="session")
def spoken():
    """Asks; the reasoning and the content of the answer, whole or streamed."""

    def ask(client: openai.OpenAI, *, stream: bool, **request: object) -> tuple[str | None, str | None]:
        if not stream:
            message = client.chat.completions.create(**request).choices[0].message
            return message.reasoning_content, message.content
        deltas = [c.choices[0].delta for c in client.chat.completions.create(stream=True, **request) if c.choices]
        reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
        return reasoning, "".join(delta.content or "" for delta in deltas)

    return ask


@pytest.fixture(scope="session")
def enterprise(tmp_path_factory, regions):
    """One gateway with every policy, in front of endpoints of many behaviours, shared by the tests that only ask."""
    east, west = regions
    directory = tmp_path_factory.mktemp("enterprise")
    targets = "".join(
        [
            target("east", east, "chat"),
            target("west", west, "chat"),
        ]
    )
    gateway = start_gateway(directory, pack(targets, ENTERPRISE))
    yield gateway
    assert gateway.stop() == 0
