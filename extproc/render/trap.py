"""The trap: a loopback listener that answers 429, so that a target without a healthy host is a failed attempt.

A cluster without a host ends the request: no retry, no other target (measured: UH is final). With the trap at priority
1 the attempt gets an answer, and the retry policy goes on to the next target.

429 and not 503: outlier detection counts 5xx against whoever answers, and would eject the trap itself after a few
(measured: of 50 concurrent requests to a target that does not resolve, 16 failed). The worker, told by attempt.lua
(`NoHealthyHost`), makes it the 503 that it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.render.extension import Document, extension

if TYPE_CHECKING:
    from extproc.render.settings import Settings

NAME = "kt.trap"
# Retriable (see routes.py), and no failure of any host.
STATUS = 429


def trap_listener(settings: Settings) -> Document:
    """The listener; `x-kt-trap` tells attempt.lua that nobody upstream has seen the request."""
    routes = {
        "name": NAME,
        "virtual_hosts": [
            {
                "name": NAME,
                "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": STATUS}}],
                "response_headers_to_add": [{"header": {"key": "x-kt-trap", "value": "1"}}],
            }
        ],
    }
    router = extension("envoy.filters.http.router", "extensions.filters.http.router.v3.Router")
    manager = extension(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        {"stat_prefix": NAME, "route_config": routes, "http_filters": [router]},
    )
    return {
        "name": NAME,
        "address": settings.trap.document(),
        "filter_chains": [{"filters": [manager]}],
        # Not the clients' connections: the global limit must not count them.
        "ignore_global_conn_limit": True,
    }
