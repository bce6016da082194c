"""What tests of several folders share."""

from __future__ import annotations

import hashlib
import random
import re
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings

from extproc.ask import ATTEMPTS, Asked, ask
from extproc.audit import checkpoint, pruned, segment
from extproc.audit.chain import Certificate, Chain, certified, key_id
from extproc.audit.checkpoint import Head
from extproc.audit.pruned import Removed
from extproc.audit.report import Report
from extproc.audit.verify import verify
from extproc.edge.trail.listing import Listing
from extproc.emulator.received import Received
from extproc.openai import chat
from extproc.record import ExchangeRecord, timestamp
from extproc.routing.targets import Credentials
from extproc.testing import NOW, chat_body, credentials_for

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.config.runtime import Runtime

# How long an example takes says more about the machine and its load than about the code.
settings.register_profile("kt", deadline=None)
settings.load_profile("kt")

_ANSWER = """\
<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/role/name</Arn><AssumedRoleId>A:n</AssumedRoleId>
</AssumedRoleUser><Credentials><AccessKeyId>{access}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
_DENIED = """\
<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>User: arn:aws:iam::123456789012:user/x is not authorized</Message></Error></ErrorResponse>"""


class SecurityTokenService:
    """STS's AssumeRole over HTTP: issues a new set of credentials to each call, and remembers who called with what.

    `calls` has each call's parameters, with `access_key` and `region` of its signature's scope; `issued` the sets, in
    order, each good for `lifetime` (seconds) by the clock; while `denied` is True the answer is AccessDenied.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        self.issued: list[Credentials] = []
        self.lifetime = 3600.0
        self.denied = False
        service = self

        class Handler(BaseHTTPRequestHandler):
            """One call."""

            def do_POST(self) -> None:
                """Answer it."""
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                scope = re.search(r"Credential=([^/]+)/\d+/([^/]+)/sts/", self.headers["authorization"])
                service.calls.append({**dict(parse_qsl(body)), "access_key": scope[1], "region": scope[2]})
                status, text = (403, _DENIED) if service.denied else (200, service.issue())
                self.send_response(status)
                self.send_header("content-type", "text/xml")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def issue(self) -> str:
        """Make a new set and the answer that holds it."""
        number = len(self.issued) + 1
        made = Credentials(f"ASIAROLE{number:012}", f"secret-of-{number}", f"token/of+{number}==")
        self.issued.append(made)
        expiration = datetime.now(UTC) + timedelta(seconds=self.lifetime)
        return _ANSWER.format(
            access=made.access_key,
            secret=made.secret_key,
            token=made.token,
            expiration=f"{expiration:%Y-%m-%dT%H:%M:%SZ}",
        )

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def sts():
    """A Security Token Service of the test's own."""
    service = SecurityTokenService()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def lasting_sts():
    """A Security Token Service for all tests of a file."""
    service = SecurityTokenService()
    yield service
    service.stop()


# What a test may say beside the request.
_OF_ASK = ("endpoint", "credentials", "clock", "session", "tickets")


class Asking:
    """Asks for one request in every test of extproc/ask.py, at the playbook's time."""

    def __call__(self, runtime: Runtime, text: str = "Hi", **fields: Any) -> tuple[Asked, ExchangeRecord]:
        """What becomes of a chat in which the user says `text`, and what is recorded of it.

        `fields` are the request's, or of `ask` (_OF_ASK), or `body`: the whole request.
        """
        record = ExchangeRecord(started=NOW, config={}, request_id="request-1")
        return self._ask(runtime, text, record, fields), record

    def refused(
        self, runtime: Runtime, kind: type[Exception], text: str = "Hi", **fields: Any
    ) -> tuple[Any, ExchangeRecord]:
        """The error that the same ends in, and what is recorded of it."""
        record = ExchangeRecord(started=NOW, config={}, request_id="request-1")
        with pytest.raises(kind) as raised:
            self._ask(runtime, text, record, fields)
        return raised.value, record

    @staticmethod
    def attempts(asked: Asked) -> dict[str, dict[str, str]]:
        """What each attempt is to send, by target."""
        listed: dict[str, dict[str, str]] = asked.metadata[ATTEMPTS]
        return listed

    def received(self, asked: Asked, target: str) -> Received:
        """The request as SageMaker receives it when this target is attempted."""
        attempt = dict(self.attempts(asked)[target])
        body = attempt.pop("body", asked.body.decode()).encode()
        path, host = attempt.pop(":path").encode(), attempt.pop(":authority").encode()
        headers = [(name.encode(), value.encode()) for name, value in attempt.items()]
        return Received(b"POST", path, ((b"host", host), *headers), body)

    @staticmethod
    def _ask(runtime: Runtime, text: str, record: ExchangeRecord, fields: dict[str, Any]) -> Asked:
        given = {name: fields.pop(name) for name in _OF_ASK if name in fields}
        settings = {"endpoint": chat, "credentials": credentials_for(runtime), **given}
        body = fields.pop("body", None) or chat_body(text, **fields).body
        return ask(body, runtime=runtime, guard=runtime.chain.guard(), record=record, now=NOW, **settings)


@pytest.fixture(scope="session")
def asking() -> Asking:
    """Asking(): called, it asks."""
    return Asking()


# 2026-03-01T12:00:00Z
NOON = 1772366400.0
DAY = 86400.0
OUTCOMES = (("served", "allow", 200), ("served", "redact", 200), ("blocked", "block", 409), ("failed", "allow", 502))


class Key:
    """A key pair made from a name, the same each time."""

    def __init__(self, name: str) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        self.public = self._private.public_key().public_bytes_raw()
        self.id = key_id(self.public)

    def sign(self, message: bytes) -> bytes:
        """The signature."""
        return self._private.sign(message)


class Writer:
    """One process: its chain, and what of it is in the trail's files."""

    def __init__(self, trail: Trail, name: str, now: float, header: dict[str, object], signing: Key | None) -> None:
        session = hashlib.sha256(name.encode()).hexdigest()[:12]
        self.name = f"{name}.{session}"
        self.key = Key(f"session of {name}")
        self.now = now
        self.trail = trail
        certificate = None
        if signing is not None:
            certificate = Certificate(signing.id, signing.sign(certified(self.name, self.key.public)))
        self.chain = Chain(self.name, self.key, header, certificate)
        self.starts: dict[int, int] = {}
        self.batch_begins = 0
        self.rotate()

    @property
    def file(self) -> str:
        """The segment that is written to."""
        return segment.Segment(self.name, self.chain.segment, timestamp(self.opened)[:10]).name

    def rotate(self) -> None:
        """Begin the next segment; its first line waits for `write`."""
        self.opened, self.batch_begins = self.now, 0
        self.chain.open_segment(self.now)
        self.starts[self.chain.segment] = self.chain.seq - 1
        self.trail.files[self.file] = b""

    def write(self, *documents: dict[str, object], seconds: float = 1.0) -> None:
        """One batch."""
        self.now += seconds
        for document in documents:
            self.chain.append(document)
        self.batch_begins = len(self.trail.files[self.file])
        self.trail.files[self.file] += self.chain.seal(self.now)
        self.chain.settle()

    def exchanges(self, dice: random.Random, count: int) -> None:
        """One batch of so many records."""
        self.write(*(self.exchange(dice) for _ in range(count)))

    def exchange(self, dice: random.Random) -> dict[str, object]:
        """A record as a worker writes it."""
        outcome, verdict, status = dice.choice(OUTCOMES)
        record: dict[str, Any] = {
            "time": timestamp(self.now + dice.random()),
            "request_id": f"{dice.getrandbits(64):016x}",
            "event": "exchange",
            "outcome": outcome,
            "status": status,
            "verdict": verdict,
            "path": "/v1/chat/completions",
            "model": dice.choice(("llama", "mistral")),
            "principal": dice.choice(("anna", "bob")),
            "usage": {"prompt_tokens": dice.randrange(1, 99), "completion_tokens": dice.randrange(1, 99)},
            "request_bytes": dice.randrange(50, 999),
            "response_bytes": dice.randrange(50, 999),
            "latency_ms": {"total": round(dice.uniform(10, 900), 3)},
        }
        if verdict == "block":
            record["block"] = {"phase": "request", "policy": "prompt-injection", "rule": "score"}
        if outcome == "failed":
            record["error"] = {"type": "server_error", "code": "upstream_error"}
        return record

    def close(self) -> None:
        """End in order."""
        self.write({"time": timestamp(self.now), "event": "closed"})

    def head(self, *, final: bool = False) -> Head:
        """The last seal, as a checkpoint names it."""
        size = len(self.trail.files[self.file]) if final else 0
        return Head(self.name, self.chain.segment, self.chain.seq - 1, self.chain.head, final=final, size=size)

    def checkpoint(self, *heads: Head) -> None:
        """Put a checkpoint of these heads on this chain."""
        self.write(checkpoint.document(heads, self.now))

    def prune(self, writer: Writer, number: int, last: Removed) -> None:
        """Tell that a segment of a writer is removed, and remove it."""
        self.write(pruned.document([last], self.now))
        name = next(name for name in self.trail.files if name.endswith(f"{writer.name}.{number:06d}.jsonl"))
        del self.trail.files[name]

    def removal(self, *, days: int) -> Removed:
        """What would be told of the segment that is written to."""
        first, last = self.starts[self.chain.segment], self.chain.seq - 1
        return Removed(self.file, first, last, self.chain.head, timestamp(self.now), days)


class Trail:
    """Files by name, and the key that vouches for their writers."""

    def __init__(self, *, signing: Key | None = None, days: int = 30) -> None:
        self.files: dict[str, bytes] = {}
        self.signing = signing
        self.days = days

    def writer(self, name: str, now: float = NOON, **header: object) -> Writer:
        """A process that begins."""
        return Writer(self, name, now, {"version": "1.0.0", "retention_days": self.days, **header}, self.signing)

    def save(self, directory: Path) -> Path:
        """Write the files."""
        directory.mkdir(exist_ok=True)
        for name, data in self.files.items():
            (directory / name).write_bytes(data)
        return directory

    def report(self, directory: Path, **options: Any) -> Report:
        """What a verification with the signing key says of exactly these files."""
        for stale in directory.glob("*"):
            stale.unlink()
        self.save(directory)
        report = Report()
        keys = [self.signing.public] if self.signing else []
        return verify(Listing(directory, report).sources, keys, report=report, **options)


def realistic(seed: int) -> Trail:
    """Two runs of a gateway and a part of an older one; a worker that crashed; segments removed when it was time."""
    dice = random.Random(seed)
    trail = Trail(signing=Key("signing"))
    old = trail.writer(f"w0-old{seed}", NOON - 40 * DAY)
    old.exchanges(dice, 2)
    removed = old.removal(days=30)
    old.rotate()
    old.exchanges(dice, 2)
    old.close()
    gone = trail.writer(f"gone{seed}", NOON - 39 * DAY)
    gone.exchanges(dice, 1)
    gone.close()

    gateway = trail.writer(f"gateway{seed}")
    workers = [
        trail.writer(f"w{index}-{seed}", NOON + index, supervisor=gateway.name, log_all_access=True)
        for index in range(3)
    ]
    gateway.checkpoint(old.head(final=True), gone.head(final=True))
    gateway.prune(old, 1, removed)
    gateway.prune(gone, 1, gone.removal(days=30))
    crashed = workers[2]
    for turn in range(4):
        for worker in workers:
            worker.exchanges(dice, dice.randrange(1, 4))
        if turn == 2:
            for each in (*workers[:2], gateway):
                each.rotate()
        gateway.checkpoint(*(worker.head() for worker in workers if worker.chain.pending == 0))
    workers[0].write(workers[0].exchange(dice), {"time": timestamp(NOON), "event": "dropped", "count": 3})
    crashed.chain.append(crashed.exchange(dice))
    crashed.chain.append(crashed.exchange(dice))
    torn = crashed.chain.seal(crashed.now)
    trail.files[crashed.file] += torn[: len(torn) // 3]
    crashed.chain.rewind()
    for worker in workers[:2]:
        worker.close()
    gateway.checkpoint(*(worker.head(final=True) for worker in workers))
    gateway.close()

    second = trail.writer(f"gateway{seed}-b", NOON + 3600)
    more = trail.writer(f"w0-{seed}-b", NOON + 3601, supervisor=second.name)
    second.checkpoint(*(each.head(final=True) for each in (*workers, gateway, old)))
    more.exchanges(dice, 3)
    second.checkpoint(more.head())
    more.exchanges(dice, 1)
    more.close()
    second.checkpoint(more.head(final=True))
    second.close()
    return trail


@pytest.fixture(scope="session")
def trails() -> type[Trail]:
    """Trail: to be filled by a test."""
    return Trail


@pytest.fixture(scope="session")
def keys() -> type[Key]:
    """Key: a key pair of a name."""
    return Key


@pytest.fixture(scope="session")
def realistic_trail() -> Any:
    """realistic(): called with a number, a trail."""
    return realistic
