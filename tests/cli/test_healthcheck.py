"""`kt healthcheck`: what a container's health check believes."""

from __future__ import annotations

import http.server
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from extproc import cli


@pytest.fixture
def address():
    """An HTTP server that answers with the status its path names."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(int(self.path[1:4]))
            self.send_header("content-length", "0")
            self.send_header("location", "/200")
            self.end_headers()

        def log_message(self, *_):
            """Tests stay quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def worker(tmp_path):
    """A gRPC server on a Unix socket and on a port, with the health service of grpcio-health-checking."""
    servicer = health.HealthServicer()
    pool = ThreadPoolExecutor(2)
    server = grpc.server(pool)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    path = tmp_path / "worker.sock"
    server.add_insecure_port(f"unix:{path}")
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, path, port
    server.stop(None).wait()
    pool.shutdown()


@pytest.mark.parametrize(("path", "status"), [("200", 0), ("204?x=1", 0), ("302", 1), ("404", 1), ("503", 1)])
def test_http_is_healthy_on_2xx_only(address, path, status, capsys):
    """An address is healthy when it answers 2xx itself; anything else is named on standard error."""
    assert cli.main(["healthcheck", "--http", f"{address}/{path}"]) == status
    assert capsys.readouterr().err == ("" if status == 0 else f"unhealthy: {address}/{path} answered {path}\n")


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "127.0.0.1:80", "http://"])
def test_only_plain_http_is_probed(url, capsys):
    """An address that this probe cannot speak to is unhealthy, not silently fine."""
    assert cli.main(["healthcheck", "--http", url]) == 1
    assert "is not an http:// address" in capsys.readouterr().err


def test_nobody_listening_is_unhealthy(tmp_path, capsys):
    """A refused connection and a missing socket are unhealthy."""
    assert cli.main(["healthcheck", "--http", "http://127.0.0.1:1/ready"]) == 1
    assert cli.main(["healthcheck", "--socket", str(tmp_path / "none.sock")]) == 1
    http_problem, grpc_problem = capsys.readouterr().err.splitlines()
    assert "http://127.0.0.1:1/ready did not answer" in http_problem
    assert grpc_problem.endswith("did not answer: UNAVAILABLE")


def test_worker_is_healthy_while_it_serves(worker, capsys):
    """A worker is healthy on its socket and its port as long as it says SERVING, and no longer when it drains."""
    servicer, path, port = worker
    assert cli.main(["healthcheck", "--socket", str(path)]) == 0
    assert cli.main(["healthcheck", "--grpc", f"127.0.0.1:{port}"]) == 0
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert cli.main(["healthcheck", "--socket", str(path)]) == 1
    assert capsys.readouterr().err.endswith("says NOT_SERVING\n")


def test_something_to_probe_is_required(capsys):
    """Without an address, or with two, the command line is refused."""
    for arguments in ([], ["--http", "http://127.0.0.1", "--grpc", "127.0.0.1:1"]):
        with pytest.raises(SystemExit) as exit_:
            cli.main(["healthcheck", *arguments])
        assert exit_.value.code == 2
    assert "--http" in capsys.readouterr().err
