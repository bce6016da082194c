"""The audit trail of a whole gateway: every end on record, readable by its published form, durable before the end."""

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import json_format

from extproc._pb import audit_pb2
from extproc.audit import body
from extproc.audit.chain import key_id

KEY = bytes(range(32))
PRIVATE = Ed25519PrivateKey.from_private_bytes(KEY)
POLICIES = """
policies: {chain: [prompt-injection, pii-detector, dlp-filter, audit-logger]}
policy:
  dlp-filter: {patterns: [{name: codeword, regex: sesame, action: block}]}
  audit-logger:
    signing_key: {env: AUDIT_SIGNING_KEY}
    hash_key: {env: AUDIT_SECRET}
    encryption_key: {env: AUDIT_SECRET}
    capture: redacted
    principal_header: x-user-id
    client_headers: [x-team]
"""
MESSAGES = [{"role": "user", "content": "Write to jane@example.com"}]
HEADERS = {"x-user-id": "u-7", "x-team": "blue", "authorization": "Bearer not-for-the-record"}


@pytest.fixture
def admin(launch):
    """Where the admin listener is."""
    return f"127.0.0.1:{launch.free_port()}"


@pytest.fixture
def gateway(gateways, regions, launch, admin):
    """A gateway that signs, hashes, and keeps redacted bodies."""
    config = launch.pack(launch.target("east", regions[0], "chat", model="m"), POLICIES)
    environ = {**launch.CREDENTIALS, "AUDIT_SIGNING_KEY": KEY.hex(), "AUDIT_SECRET": KEY.hex()}
    return gateways(config, "--admin", admin, env=environ)


def ask(gateway, document):
    """The request's bytes and the answer to them."""
    sent = json.dumps(document).encode()
    answer = gateway.http().post("/v1/chat/completions", content=sent, headers=HEADERS)
    return sent, answer


def test_every_end_is_on_record_in_the_published_form(gateway):
    """Served, streamed, blocked, refused: each line is an AuditLine, and says who asked, of what, and how it went."""
    whole, answer = ask(gateway, {"model": "m", "messages": MESSAGES})
    streamed, stream = ask(gateway, {"model": "m", "messages": MESSAGES, "stream": True})
    _, blocked = ask(gateway, {"model": "m", "messages": [{"role": "user", "content": "sesame"}]})
    _, unknown = ask(gateway, {"model": "none", "messages": MESSAGES})
    gateway.http().get("/v1/models")
    lines = {each.headers["x-request-id"]: gateway.audited(each.headers["x-request-id"]) for each in
             (answer, stream, blocked, unknown)}  # fmt: skip
    told = [(line["outcome"], line["status"], line["verdict"]) for line in lines.values()]
    assert told == [
        ("served", 200, "redact"), ("served", 200, "redact"), ("blocked", 409, "block"), ("rejected", 404, "allow"),
    ]  # fmt: skip
    for sent, each in ((whole, answer), (streamed, stream)):
        line = lines[each.headers["x-request-id"]]
        assert (line["principal"], line["client_headers"]) == ("u-7", {"x-team": "blue"})
        assert line["policies"] == {
            "prompt-injection": "allow", "pii-detector": "redact", "dlp-filter": "allow", "audit-logger": "allow",
        }  # fmt: skip
        assert line["hashes"] == {
            "key": key_id(KEY),
            "request": hmac.digest(KEY, sent, hashlib.sha256).hex(),
            "response": hmac.digest(KEY, each.content, hashlib.sha256).hex(),
        }
        kept = body.open_sealed(KEY, line["request_id"], "request_body", line["request_body"])
        assert "[EMAIL_REDACTED]" in kept
        assert "jane" not in kept
        assert body.open_sealed(KEY, line["request_id"], "response_body", line["response_body"]) == each.text
    assert "request_body" not in lines[blocked.headers["x-request-id"]]
    gateway.stop()
    for line in gateway.trail():
        json_format.Parse(json.dumps(line), audit_pb2.AuditLine())
    public = PRIVATE.public_key().public_bytes_raw()
    command = [sys.executable, "-m", "extproc", "audit", "verify", str(gateway.directory / "audit"), "--closed"]
    verified = subprocess.run(
        [*command, "--public-key", base64.b64encode(public).decode()], capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    told = json.dumps(gateway.trail())
    assert "jane" not in told
    assert "not-for-the-record" not in told
    assert KEY.hex() not in told
    assert {"opened", "exchange", "checkpoint", "seal", "closed"} <= {line["event"] for line in gateway.trail()}


def test_a_client_that_leaves_is_on_record(gateway):
    """Aborted, with what it had got."""
    with gateway.http().stream(
        "POST",
        "/v1/chat/completions",
        json={"model": "m", "messages": MESSAGES, "stream": True, "emulator": {"tokens": 500, "delay_ms": 20}},
    ) as answer:
        next(answer.iter_raw())
    line = gateway.audited(answer.headers["x-request-id"])
    assert (line["outcome"], line["status"]) == ("aborted", 200)
    assert line["response_bytes"] > 0


def test_what_a_client_has_got_is_on_the_disk(gateway, launch):
    """Answers that came before every worker was killed are on record; the killed chains are signed for as ended."""
    served = [ask(gateway, {"model": "m", "messages": MESSAGES})[1].headers["x-request-id"] for _ in range(20)]
    opened = [line for line in gateway.trail() if line["event"] == "opened"]
    killed = {line["chain"] for line in opened if "supervisor" in line}
    assert len(killed) == len(gateway.workers())
    for pid in gateway.workers():
        os.kill(pid, signal.SIGKILL)
    recorded = {line["request_id"] for line in gateway.audit() if line.get("outcome") == "served"}
    assert set(served) <= recorded

    def final():
        heads = [head for line in gateway.trail() if line["event"] == "checkpoint" for head in line["chains"]]
        return killed <= {head["chain"] for head in heads if head.get("final")}

    launch.eventually(final)


def test_metrics_tell_of_the_trail(gateway, launch, admin):
    """How many records, and that it can be written."""
    ask(gateway, {"model": "m", "messages": MESSAGES})

    def told():
        status, text = launch.get(f"http://{admin}/metrics")
        assert status == 200
        lines = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in lines.items()}

    # The exchange's own record, and the checkpoint that it leads to.
    launch.eventually(lambda: told()["kt_audit_records_total"] >= 2)
    assert told()["kt_audit_commit_seconds_total"] > 0
    assert told()["kt_audit_unwritable"] == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("signing_key: {env: NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE is not set"),
        ("hash_key: {file: nowhere}", "cannot be read"),
        ("capture: full", "needs an encryption_key"),
        ("client_headers: [Authorization]", "may hold a credential"),
        ("signing_key: {env: A, file: b}", "name exactly one"),
    ],
)
def test_a_gateway_does_not_start_without_its_keys(gateways, regions, launch, settings, words):
    """It says what is missing, in one line, and serves nothing."""
    config = launch.pack(
        launch.target("east", regions[0], "chat", model="m"),
        f"policies: {{chain: [audit-logger]}}\npolicy: {{audit-logger: {{{settings}}}}}\n",
    )
    with pytest.raises(AssertionError) as refused:
        gateways(config)
    assert words in str(refused.value)


SINKS = """
policies: {chain: [audit-logger]}
policy:
  audit-logger:
    immutable: IMMUTABLE
    sinks:
      - {type: webhook, url: "http://127.0.0.1:PORT/audit", max_lag_seconds: 3, interval_seconds: 0.2}
"""


class Hook(BaseHTTPRequestHandler):
    """Takes lines, or refuses to."""

    def do_POST(self):
        """One piece of the trail."""
        data = self.rfile.read(int(self.headers["content-length"]))
        if self.server.refuse:
            self.send_response(503)
        else:
            self.server.lines += data.splitlines()
            self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def hook():
    """A server for webhooks."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.lines, server.refuse = [], False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def start(gateways, regions, launch, hook, immutable):
    """A gateway with a webhook that it cannot do without."""
    settings = SINKS.replace("PORT", str(hook.server_address[1])).replace("IMMUTABLE", immutable)
    return gateways(launch.pack(launch.target("east", regions[0], "chat", model="m"), settings))


def test_a_required_sink_that_is_down_refuses_requests(gateways, regions, launch, hook):
    """When it is further behind than it may be; it is told, and requests are taken again when it has caught up."""
    gateway = start(gateways, regions, launch, hook, "true")
    assert ask(gateway, {"model": "m", "messages": MESSAGES})[1].status_code == 200
    launch.eventually(lambda: hook.lines)
    hook.refuse = True

    def refused():
        answer = ask(gateway, {"model": "m", "messages": MESSAGES})[1]
        return answer.status_code == 503 and "audit trail" in answer.text

    launch.eventually(refused)
    assert "required audit sinks are too far behind" in gateway.log()
    # Each worker looks for itself.
    launch.eventually(lambda: launch.get(f"{gateway.url}/readyz")[0] == 503)
    hook.refuse = False
    launch.eventually(lambda: ask(gateway, {"model": "m", "messages": MESSAGES})[1].status_code == 200)
    gateway.stop()
    # At least once: what it got is the trail, line for line.
    wanted = {json.dumps(line, sort_keys=True) for line in gateway.trail()}
    assert {json.dumps(json.loads(line), sort_keys=True) for line in hook.lines} == wanted


def test_without_immutable_a_sink_that_is_down_refuses_nothing(gateways, regions, launch, hook):
    """It is told, and the lines wait on the disk."""
    hook.refuse = True
    gateway = start(gateways, regions, launch, hook, "false")
    launch.eventually(
        lambda: (
            ask(gateway, {"model": "m", "messages": MESSAGES})
            and "required audit sinks are too far behind" in gateway.log()
        )
    )
    assert ask(gateway, {"model": "m", "messages": MESSAGES})[1].status_code == 200
