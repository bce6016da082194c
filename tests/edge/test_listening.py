"""Addresses on this machine."""

import http.server
import json
import socket
import threading

import pytest

from extproc.edge import listening
from extproc.render.settings import Address


@pytest.fixture
def readyz():
    """A server whose /readyz answers as the test says; gives its port and what it was asked."""
    asked, answer = [], [200, b"{}"]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(answer[0])
            self.send_header("content-length", str(len(answer[1])))
            self.end_headers()
            self.wfile.write(answer[1])

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port, asked, answer
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_it_asks_on_loopback_whatever_proxies_there_are(readyz, monkeypatch, host):
    """A proxy of the environment is for others; every interface includes loopback."""
    port, asked, _ = readyz
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert listening.faults(Address(host, port)) == ""
    assert asked == ["/readyz"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"status": "unready", "faults": ["one", "two"]}, "one; two"),
        ({"error": {"message": "The gateway is unavailable."}}, "The gateway is unavailable."),
        ({}, "status 503"),
        ([1], "status 503"),
        ("noise", "status 503"),
    ],
)
def test_what_keeps_it_from_being_ready(readyz, body, told):
    """The faults that /readyz names, or the error in its place, or at least the status."""
    port, _, answer = readyz
    answer[:] = [503, body.encode() if isinstance(body, str) else json.dumps(body).encode()]
    assert listening.faults(Address("127.0.0.1", port)) == told


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_nobody_listening_is_a_fault(host):
    """It says so in the operating system's words."""
    assert "refused" in listening.faults(Address(host, listening.free_port())).lower()


@pytest.mark.parametrize("shared", [False, True])
def test_a_port_that_is_taken(shared):
    """Also by somebody who would share it: two gateways would each get half of the requests."""
    with socket.socket() as other:
        if shared:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on --listen 127.0.0.1:{port}: address already in use"):
            listening.require_free(Address("127.0.0.1", port), "--listen")


def test_an_address_of_another_machine():
    """TEST-NET-1 (RFC 5737) is nobody's."""
    with pytest.raises(OSError, match=r"cannot listen on --admin 192\.0\.2\.1:80"):
        listening.require_free(Address("192.0.2.1", 80), "--admin")


def test_a_free_port_is_free_afterwards():
    """Asking does not take it, and connections that ended a moment ago do not count."""
    port = listening.free_port()
    with socket.socket() as server:
        # As Envoy does; the kernel asks it of both, the one that was and the one that will be.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            # The side that closes first keeps the port in TIME_WAIT.
            accepted.close()
    for _ in range(2):
        listening.require_free(Address("127.0.0.1", port), "--listen")
    assert port > 0
