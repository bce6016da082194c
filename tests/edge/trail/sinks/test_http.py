"""What answers, and their absence, mean."""

import socket
import threading

import pytest

from extproc.edge.trail.sinks.http import Poster
from extproc.edge.trail.sinks.sink import Undelivered


def failure(poster):
    """How a delivery fails."""
    with pytest.raises(Undelivered) as raised:
        poster.post(b"x", {})
    return raised.value


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_is_delivered(receiver, status):
    """The answer's body is handed back, and the connection is used again."""
    receiver.answers = [(status, {}, b"" if status == 204 else b"ok"), (200, {}, b"again")]
    poster = Poster(f"{receiver.url}/in?token=t", {"a": "1"}, 5.0)
    assert poster.post(b"one", {"b": "2"}) == (b"" if status == 204 else b"ok")
    assert poster.post(b"two", {}) == b"again"
    path, headers, body = receiver.requests[0]
    assert (path, headers["a"], headers["b"], body) == ("/in?token=t", "1", "2", b"one")
    assert headers["user-agent"].startswith("kt-gateway/")


@pytest.mark.parametrize(
    ("answer", "kind", "retry_after", "too_large"),
    [
        ((302, {"location": "http://127.0.0.1:9/"}, b""), "http 302", 0.0, False),
        ((400, {}, b"secret text"), "http 400", 0.0, False),
        ((413, {}, b""), "http 413", 0.0, True),
        ((429, {"retry-after": "7"}, b""), "http 429", 7.0, False),
        ((503, {"retry-after": "120"}, b""), "http 503", 120.0, False),
        ((None, {}, b""), "connection", 0.0, False),
    ],
)
def test_everything_else_is_not(receiver, answer, kind, retry_after, too_large):
    """Redirects are not followed; what was said is not told, only the status; the next delivery is a new attempt."""
    receiver.answers = [answer]
    poster = Poster(receiver.url, {}, 5.0)
    error = failure(poster)
    assert (str(error), error.retry_after, error.too_large) == (kind, retry_after, too_large)
    assert poster.post(b"next", {}) == b""
    assert len(receiver.requests) == 2


def test_nobody_there():
    """A port without a server, and a name that does not exist, are told apart."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert str(failure(Poster(f"http://127.0.0.1:{taken.getsockname()[1]}/", {}, 5.0))) == "connection refused"
    assert str(failure(Poster("http://nobody.invalid/", {}, 5.0))) == "name not found"


def test_a_server_that_says_nothing():
    """Silence ends when the time allowed has passed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert str(failure(Poster(f"http://127.0.0.1:{server.getsockname()[1]}/", {}, 0.05))) == "timeout"


def test_what_is_no_http():
    """A server of another protocol, or one whose TLS is none, is a failure like others."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    connection.recv(10)
                    connection.sendall(b"220 smtp ready\r\n")
                    connection.recv(1000)

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        assert str(failure(Poster(f"http://127.0.0.1:{port}/", {}, 5.0))) == "connection"
        assert str(failure(Poster(f"https://127.0.0.1:{port}/", {}, 5.0))) == "tls"
        thread.join()


def test_a_long_answer_is_not_read_to_its_end(receiver):
    """What a receiver says beyond the first 64 KiB is left, and does not spoil the next delivery."""
    receiver.answers = [(200, {}, b"x" * 1_000_000), (200, {}, b"next")]
    poster = Poster(receiver.url, {}, 5.0)
    assert len(poster.post(b"one", {})) == 65_536
    assert poster.post(b"two", {}) == b"next"
