"""What the compose tests share."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest


@pytest.fixture
def http_status():
    """A context that answers one HTTP request with the status it is given, on the port it yields."""

    @contextlib.contextmanager
    def answering(status: int):
        with socket.create_server(("127.0.0.1", 0)) as server:

            def answer() -> None:
                connection, _ = server.accept()
                with connection:
                    received = b""
                    while not received.endswith(b"\r\n\r\n"):
                        received += connection.recv(4096)
                    connection.sendall(f"HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n\r\n".encode())

            thread = threading.Thread(target=answer)
            thread.start()
            yield server.getsockname()[1]
            thread.join()

    return answering
