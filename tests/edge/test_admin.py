"""The admin listener, over real connections."""

import asyncio
import contextlib
import json

import pytest
from structlog.testing import capture_logs

from extproc.config.load import load_runtime
from extproc.edge import admin
from extproc.edge.listener import Listener
from extproc.edge.listening import free_port
from extproc.render.settings import Address

CONFIG = """
pack: {name: tests, version: 1.2.3, enabled: true}
providers:
  targets:
    - id: east
      provider: "sagemaker:chat:m"
      aws_region: us-east-1
      aws_access_key_env: TEAM_KEY
      aws_secret_key_env: TEAM_SECRET
policies: {chain: [pii-detector, audit-logger]}
policy: {pii-detector: {action: redact, entities: [EMAIL]}}
"""
ENVIRONMENT = {"TEAM_KEY": "AKIDTEAM", "TEAM_SECRET": "never/shown"}


class Supervisor:
    """A gateway as the listener sees it."""

    def __init__(self, directory):
        path = directory / "policy-config.yaml"
        path.write_text(CONFIG)
        self.runtime = load_runtime(path, environ=ENVIRONMENT)
        self.state, self.refusal, self.reloads, self.bug = "healthy", "", 0, None

    async def health(self):
        """Its state."""
        if self.bug:
            raise self.bug
        return self.state, {"status": self.state}

    def providers(self):
        """What is known of the targets."""
        return {"targets": [{"id": "east", "in_flight": 2}]}

    def metrics(self):
        """What was counted."""
        return b"kt_audit_records_total 7.0\n"

    async def reload(self, why):
        """Count, and refuse if asked to."""
        assert why
        self.reloads += 1
        return self.refusal


@pytest.fixture
def supervisor(tmp_path):
    """A healthy gateway."""
    return Supervisor(tmp_path)


async def ask(port, request):
    """Status line, header fields and document of an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    data = await reader.read()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    head, _, body = data.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    return first, dict(field.lower().split(": ", 1) for field in fields), _read(body)


def _read(body):
    """JSON, or the text itself."""
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode()


@pytest.fixture
def listen(supervisor):
    """Serve on a port and send one request, given as its first line and further header fields."""

    def send(line, *fields, raw=None):
        async def main():
            port = free_port()
            request = raw or "\r\n".join((f"{line} HTTP/1.1", "host: x", *fields, "", "")).encode()
            async with Listener(Address("127.0.0.1", port), admin.pages(supervisor)), asyncio.timeout(30):
                return await ask(port, request)

        return asyncio.run(main())

    return send


@pytest.mark.parametrize(
    ("state", "first"),
    [
        ("healthy", "HTTP/1.1 200 OK"),
        ("degraded", "HTTP/1.1 200 OK"),
        ("unhealthy", "HTTP/1.1 503 Service Unavailable"),
    ],
)
def test_health_is_a_status_too(listen, supervisor, state, first):
    """Whoever only looks at the status learns whether requests are served."""
    supervisor.state = state
    told, fields, document = listen("GET /health?verbose=1")
    assert (told, document) == (first, {"status": state})
    assert fields["content-type"] == "application/json"


def test_the_configuration_is_told_without_secrets(listen, supervisor):
    """Pack, hash, chain and targets; no identity, not even the names of its variables."""
    told, _, document = listen("GET /keeptrusts/config")
    assert told == "HTTP/1.1 200 OK"
    assert document["pack"] == {"name": "tests", "version": "1.2.3", "enabled": True}
    assert document["hash"] == supervisor.runtime.config_hash
    assert document["policies"]["chain"] == ["pii-detector", "audit-logger"]
    [target] = document["providers"]["targets"]
    assert (target["id"], target["region"], target["models"]) == ("east", "us-east-1", ["m", "east"])
    assert target["authority"] == "runtime.sagemaker.us-east-1.amazonaws.com"
    text = json.dumps(document)
    assert not [secret for secret in ("TEAM", "AKIDTEAM", "never/shown") if secret in text]


def test_reload_is_done_before_it_is_answered(listen, supervisor):
    """200 with what is in use now."""
    told, _, document = listen("POST /keeptrusts/config/reload", "content-length: 0")
    assert (told, document["status"], supervisor.reloads) == ("HTTP/1.1 200 OK", "reloaded", 1)
    assert document["pack"]["name"] == "tests"


def test_what_is_known_of_the_targets_can_be_read(listen):
    """The supervisor's report, as it is."""
    told, _, document = listen("GET /keeptrusts/providers/metrics")
    assert (told, document) == ("HTTP/1.1 200 OK", {"targets": [{"id": "east", "in_flight": 2}]})


def test_a_refused_reload_says_why(listen, supervisor):
    """422 with the problems, and nothing has changed."""
    supervisor.refusal = "policy-config.yaml:1:1: pack: missing [E005]"
    told, _, document = listen("POST /keeptrusts/config/reload")
    assert told == "HTTP/1.1 422 Unprocessable Entity"
    assert document["error"]["message"] == supervisor.refusal


def test_metrics_are_text(listen):
    """In the format that Prometheus scrapes, and named as such."""
    told, fields, body = listen("GET /metrics")
    assert (told, body) == ("HTTP/1.1 200 OK", "kt_audit_records_total 7.0\n")
    assert fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/metric", "/keeptrusts/providers", "/health/"])
def test_what_is_not_there_yet(listen, path):
    """404 that names what there is."""
    told, _, document = listen(f"GET {path}")
    assert told == "HTTP/1.1 404 Not Found"
    assert "/keeptrusts/config/reload" in document["error"]["message"]


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("POST /health", "get"),
        ("GET /keeptrusts/config/reload", "post"),
        ("HEAD /keeptrusts/config", "get"),
        ("POST /keeptrusts/providers/metrics", "get"),
    ],
)
def test_each_path_has_its_method(listen, supervisor, line, allowed):
    """405 says which; in particular a GET never reloads."""
    told, fields, _ = listen(line)
    assert told == "HTTP/1.1 405 Method Not Allowed"
    assert fields["allow"] == allowed
    assert supervisor.reloads == 0


def test_a_web_page_cannot_use_it(listen, supervisor):
    """A browser says where a request comes from; none is expected here."""
    told, _, _ = listen("POST /keeptrusts/config/reload", "origin: http://evil.example")
    assert told == "HTTP/1.1 403 Forbidden"
    assert supervisor.reloads == 0


@pytest.mark.parametrize("raw", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET /health HTTP/1.1\r\n\r\n"])
def test_what_is_no_http_gets_no_answer(listen, raw):
    """TLS, noise, and HTTP/1.1 without a Host are hung up on."""
    assert listen("", raw=raw + b"\r\n\r\n")[2] is None


def test_a_fault_is_told_without_its_text(listen, supervisor):
    """500, and the log names the kind and place."""
    supervisor.bug = KeyError("never/shown")
    with capture_logs() as logged:
        told, _, document = listen("GET /health")
    assert told == "HTTP/1.1 500 Internal Server Error"
    assert "never/shown" not in json.dumps([document, logged])
    assert logged[0]["fault"].startswith("KeyError at ")
