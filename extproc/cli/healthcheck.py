"""`kt healthcheck`: one probe for container health checks, because a good image has neither curl nor a shell."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser("healthcheck", help="probe a worker or an HTTP address once; exit 0 when healthy, else 1")
    probed = parser.add_mutually_exclusive_group(required=True)
    probed.add_argument("--http", metavar="URL", help="healthy when a GET answers 2xx, as Envoy's /ready does")
    probed.add_argument("--socket", metavar="PATH", help="healthy when the worker on this Unix socket says SERVING")
    probed.add_argument("--grpc", metavar="HOST:PORT", help="healthy when the worker on this address says SERVING")
    parser.add_argument("--timeout", type=float, default=2.0, metavar="SECONDS", help="default: 2")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Probe once; on failure say why on standard error, where `docker inspect` keeps it."""
    if arguments.http:
        problem = probe_http(arguments.http, arguments.timeout)
    else:
        problem = probe_grpc(f"unix:{arguments.socket}" if arguments.socket else arguments.grpc, arguments.timeout)
    if problem:
        print(f"unhealthy: {problem}", file=sys.stderr)
    return 1 if problem else 0


def probe_http(url: str, timeout: float) -> str | None:
    """What is wrong with an HTTP address, or None; a redirect counts as wrong, for a probe names what it means."""
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return f"{url} is not an http:// address"
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        connection.request("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{url} did not answer: {error}"
    finally:
        connection.close()
    return None if 200 <= status < 300 else f"{url} answered {status}"


def probe_grpc(address: str, timeout: float) -> str | None:
    """What is wrong with a gRPC server by the standard health protocol (grpc.health.v1), or None."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    # A probe must see the server itself: never a proxy from the environment.
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=timeout, wait_for_ready=False)
        except grpc.RpcError as error:
            return f"{address} did not answer: {_code(error)}"
    serving: int = health_pb2.HealthCheckResponse.SERVING
    name = health_pb2.HealthCheckResponse.ServingStatus.Name
    return None if answer.status == serving else f"{address} says {name(answer.status)}"


def _code(error: grpc.RpcError) -> str:
    """The status by name: details may hold paths and peers that belong in no log."""
    return str(error.code().name)
