"""The cluster of workers, and the assignment file that names their sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.render.clusters import HTTP_OPTIONS
from extproc.render.extension import Document, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.render.settings import Address

WORKERS = "kt.workers"


def assignment(workers: Sequence[Address]) -> Document:
    """envoy.config.endpoint.v3.ClusterLoadAssignment: one endpoint per worker process."""
    return {
        "cluster_name": WORKERS,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": worker.document()}} for worker in workers]}],
    }


def workers_cluster(discovery: Document) -> Document:
    """The cluster; `discovery` says how its endpoints are found (fixed, by name, or from a file)."""
    return {
        "name": WORKERS,
        **discovery,
        "connect_timeout": "0.25s",
        "lb_policy": "LEAST_REQUEST",
        # Every exchange in flight holds one request here, a streamed answer for minutes.
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 1024,
                    "max_pending_requests": 100_000,
                    "max_requests": 100_000,
                    "max_retries": 100_000,
                }
            ]
        },
        # A worker that hangs answers no health check; one that died is passed over by the retry policy at once.
        # no_traffic_interval is 60 s by default: a worker that drains would be asked too late (19 of 90 failed).
        "health_checks": [
            {
                "timeout": "2s",
                "interval": "1s",
                "no_traffic_interval": "1s",
                "unhealthy_threshold": 3,
                "healthy_threshold": 1,
                "grpc_health_check": {},
            }
        ],
        # A worker taken out of the assignment gets no new exchanges, whatever its health says.
        "ignore_health_on_host_removal": True,
        # None healthy: try all. Refusing would turn one slow second into an outage.
        "common_lb_config": {"healthy_panic_threshold": {"value": 1}},
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: typed(
                "extensions.upstreams.http.v3.HttpProtocolOptions",
                {
                    "explicit_http_config": {
                        "http2_protocol_options": {
                            "max_concurrent_streams": 100_000,
                            "initial_stream_window_size": 1_048_576,
                            "initial_connection_window_size": 16_777_216,
                        }
                    }
                },
            )
        },
    }


def fixed(workers: Sequence[Address]) -> Document:
    """Endpoints written into the configuration: sockets and IP addresses as they are, names by DNS."""
    kind = "STATIC" if all(worker.path for worker in workers) else "STRICT_DNS"
    return {"type": kind, "load_assignment": assignment(workers)}


def from_file(source: Document) -> Document:
    """Endpoints from a watched file; `source` is an envoy.config.core.v3.ConfigSource."""
    return {"type": "EDS", "eds_cluster_config": {"service_name": WORKERS, "eds_config": source}}
