"""Trails as writers leave them, sinks that remember or fail, and servers that receive."""

from __future__ import annotations

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from extproc.audit.chain import Chain
from extproc.audit.segment import parse
from extproc.config.sink_settings import SinkSettings
from extproc.edge.trail import delivery, shipper, writer
from extproc.edge.trail.sinks.sink import Undelivered
from extproc.record import timestamp

# 2026-02-03, noon.
NOON = 1_770_120_000.0


class Key:
    """A session key."""

    def __init__(self):
        self._key = Ed25519PrivateKey.generate()
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, message):
        """The signature."""
        return self._key.sign(message)


class Writing:
    """A writer's session: each batch is appended to its newest segment and sealed."""

    def __init__(self, directory, chain="w0.0123456789ab", *, days=365, now=NOON):
        directory.mkdir(exist_ok=True)
        self.directory, self.now = directory, now
        self.chain = Chain(chain, Key(), {"version": "1", "retention_days": days})
        self.paths = []
        self.opened = False

    def segment(self, now=None):
        """Begin the next segment; what it is called."""
        self.now = self.now if now is None else now
        number = self.chain.open_segment(self.now)
        name = f"{timestamp(self.now)[:10]}.{self.chain.name}.{number:06d}.jsonl"
        assert parse(name)
        self.paths.append(self.directory / name)
        return self.paths[-1]

    def batch(self, count=2, **fields):
        """Write a sealed batch; its bytes."""
        if not self.paths:
            self.segment()
        for index in range(count):
            document = {"time": timestamp(self.now), "event": "exchange", "outcome": "served", "n": index, **fields}
            self.chain.append(document)
        data = self.chain.seal(self.now)
        self.chain.settle()
        self.tail(data)
        return data

    def tail(self, data):
        """Append bytes as they are."""
        with self.paths[-1].open("ab") as file:
            file.write(data)

    def written(self, number=1):
        """The bytes of a segment."""
        return self.paths[number - 1].read_bytes()


class Memory:
    """A sink that remembers. `faults` are raised first, one a delivery; while `gate` is cleared it waits."""

    def __init__(self, **settings):
        self.settings = SinkSettings(**{"name": "memory", "interval": 0.0, **settings})
        self.rejected = 0
        self.pieces = []
        self.attempts = []
        self.faults = []
        self.unprepared = []
        self.gate = threading.Event()
        self.gate.set()

    def prepare(self):
        """Fail as often as `unprepared` says."""
        if self.unprepared:
            raise self.unprepared.pop(0)

    def deliver(self, piece):
        """Remember it."""
        self.attempts.append((piece.path.name, piece.offset, piece.end))
        self.gate.wait()
        if self.faults:
            raise self.faults.pop(0)
        self.pieces.append(piece)
        return len(piece.data)

    def got(self):
        """What arrived, by segment; each piece where it belongs, and none twice."""
        segments = {}
        for piece in self.pieces:
            assert len(segments.get(piece.path.name, b"")) == piece.offset
            segments[piece.path.name] = segments.get(piece.path.name, b"") + piece.data
        return segments


class Receiver:
    """An HTTP server that remembers (headers, body), and answers with `answers`' next, or 200."""

    def __init__(self):
        self.requests = []
        self.answers = []
        self.heads = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                """Answer with `heads`' next."""
                self.send_response(receiver.heads.pop(0))
                self.send_header("content-length", "0")
                self.end_headers()

            def do_PUT(self):
                """Answer it."""
                self.do_POST()

            def do_POST(self):
                """Answer it."""
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.requests.append((self.path, dict(self.headers.items()), body))
                status, headers, answer = receiver.answers.pop(0) if receiver.answers else (200, {}, b"")
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # A client that does not read an answer to its end is no fault of the server's.
        self._server.handle_error = lambda *_: None
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self):
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def until(condition):
    """Wait for a condition; its value."""
    while not (value := condition()):
        time.sleep(0.005)
    return value


@pytest.fixture
def directory(tmp_path):
    """Where the trail is."""
    return tmp_path / "audit"


@pytest.fixture
def trail():
    """What a test of trails needs: `Writing`, `Memory`, `until`, NOON."""
    return SimpleNamespace(Writing=Writing, Memory=Memory, Undelivered=Undelivered, until=until, NOON=NOON)


@pytest.fixture
def receiver():
    """A server of the test's own."""
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def soon(monkeypatch):
    """Polls and repetitions without the pauses that a real receiver needs."""
    monkeypatch.setattr(shipper, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(delivery, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(delivery, "LAST_SECONDS", 0.02)
    monkeypatch.setattr(delivery, "SAVE_SECONDS", 0.02)


class Disk:
    """The kernel's part, by a thread and os.fdatasync, which tests replace."""

    def __init__(self, loop):
        self.loop = loop

    def sync(self, descriptor, done):
        """Begin one."""

        def work():
            try:
                os.fdatasync(descriptor)
            except OSError as error:
                self.loop.call_soon_threadsafe(done, error)
            else:
                self.loop.call_soon_threadsafe(done, None)

        threading.Thread(target=work).start()

    def close(self):
        """Nothing to do."""


@pytest.fixture(params=["thread", "loop"])
def half(request, monkeypatch):
    """Who writes what exchanges wait for: everything holds for each."""
    monkeypatch.setattr(writer, "open_disk", Disk if request.param == "loop" else lambda _: None)
    return request.param
