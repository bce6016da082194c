"""How long something takes to be of use is measured by using it."""

from __future__ import annotations

import http.server
import socket
import threading

import pytest


class Answering(http.server.BaseHTTPRequestHandler):
    """Refuses the first call, as a gateway whose workers are not there yet, and notes what it was asked."""

    asked: list[tuple[str, bytes]]

    def do_POST(self):
        """Answer 503, then 200."""
        self.asked.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200 if len(self.asked) > 1 else 503)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


class Started:
    """Stands for the children: the gateway that is started listens at once."""

    def __init__(self, server) -> None:
        self.server = server
        self.names: list[str] = []

    def start(self, name, command, _):
        """Note it."""
        self.names.append(name)
        self.command = [str(part) for part in command]
        threading.Thread(target=self.server.serve_forever).start()

    def stop(self, name):
        """End it."""
        assert name in self.names
        self.server.shutdown()
        self.server.server_close()


def test_ready_is_the_first_answer(program, tmp_path, monkeypatch):
    """A gateway counts as ready when a chat call got a 200, not when it is refused; then it is ended."""
    startup = program("startup")
    Answering.asked = []
    server = http.server.HTTPServer(("127.0.0.1", 0), Answering)
    monkeypatch.setattr(startup, "free_port", lambda: server.server_port)
    running = Started(server)
    config = {"providers": {"targets": [{"id": "a"}]}}
    taken = startup.ready_seconds(
        running, tmp_path / "first", config, upstream=1, body=b"{}", options=["--workers", "2"]
    )
    assert taken > 0
    assert Answering.asked == [("/v1/chat/completions", b"{}")] * 2
    assert running.names == ["first"]
    assert running.command[-2:] == ["--workers", "2"]
    assert "base_url: http://127.0.0.1:1" in (tmp_path / "first" / "policy-config.yaml").read_text()


def test_gateway_that_never_answers_is_told_about(program, tmp_path, monkeypatch):
    """Patience ends, and the message says what the gateway said last."""
    startup = program("startup")
    monkeypatch.setattr(startup, "PATIENCE_SECONDS", 0.0)

    class Silent:
        def start(self, *_):
            """Start nothing."""

        def tail(self, name):
            """Say something."""
            return f"{name}: no region"

    config = {"providers": {"targets": []}}
    with pytest.raises(program("processes").NotStarted, match="never: no region"):
        startup.ready_seconds(Silent(), tmp_path / "never", config, upstream=1, body=b"", options=[])


def test_nobody_has_no_status(program):
    """A port where nobody listens gives no status."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert program("startup").status(probe.getsockname()[1], b"") is None


def test_help_is_timed_as_often_as_asked(program):
    """The first `kt --help`, which may still compile, is not among the times."""
    assert len(program("startup").help_seconds(1)) == 1
