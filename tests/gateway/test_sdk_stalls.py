"""A request that gets stuck on its way: the gateway answers 408, and both OpenAI SDKs send it again."""

from __future__ import annotations

import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from select import select
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

# Of the request that gets stuck, so much arrives: not all of its headers. The gateway waits for them for 15 seconds.
ARRIVES = 60


class Network(ThreadingTCPServer):
    """A way to a port on which the first connection's request gets stuck. `answered`: what came back on it."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.gateway = ("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.answered = b""
        self.stuck = False


class Connection(BaseRequestHandler):
    """Carries bytes both ways until one side leaves."""

    def handle(self) -> None:
        """Of the first one's request the beginning arrives, and no more."""
        first, self.server.stuck = not self.server.stuck, True
        left = ARRIVES if first else sys.maxsize
        with socket.create_connection(self.server.gateway) as gateway:
            while True:
                for source in select([self.request, gateway], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is gateway:
                        self.request.sendall(data)
                        self.server.answered += data if first else b""
                    else:
                        gateway.sendall(data[:left])
                        left -= min(left, len(data))


@pytest.fixture
def networks(enterprise):
    """One for each SDK."""
    made = {sdk: Network(enterprise.port) for sdk in ("python", "node")}
    threads = [threading.Thread(target=network.serve_forever, args=(0.05,)) for network in made.values()]
    for thread in threads:
        thread.start()
    yield made
    for network in made.values():
        network.shutdown()
        # Waits for its connections, which end when the programs do.
        network.server_close()
    for thread in threads:
        thread.join()


def test_a_request_that_gets_stuck_is_sent_again(networks, enterprise, see):
    """408 request_timeout is one of the statuses that SDKs try again after; the second attempt is served."""
    row = {
        "name": "stuck",
        "call": "chat.completions.create",
        "with": {"model": "chat", "messages": [{"role": "user", "content": "alpha bravo"}]},
    }
    with ThreadPoolExecutor() as pool:
        told = dict(
            zip(networks, pool.map(lambda sdk: see(sdk, networks[sdk].url, [row])["stuck"], networks), strict=True)
        )
    for sdk, seen in told.items():
        assert (seen.get("raised"), seen["text"], seen["attempts"]) == (None, "alpha bravo", 2), sdk
        assert len(seen["waits"]) == 1
        head, _, body = networks[sdk].answered.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"request_timeout"' in body.replace(b" ", b"")
        assert enterprise.audited(seen["request_id"])["status"] == 200
