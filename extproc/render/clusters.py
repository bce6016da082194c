"""One Envoy cluster per target, named by the target's id."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from typing import TYPE_CHECKING

from extproc.render.attempt import attempt_filter, first_content_filter
from extproc.render.extension import Document, extension, seconds, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.render.settings import Settings
    from extproc.routing.targets import Target

# How long after a target's time Envoy cuts its answer: before that the worker ends a stream in time, with an event.
CUT_AFTER = 0.5
# The cluster that attempt.lua calls to wait for nothing: see there.
NOBODY = "kt.nobody"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

# Envoy's defaults are 1024 and, for retries, 3: with those, 27 of 30 concurrent failovers died (measured). A retry is
# charged to the first attempt's cluster, so every cluster needs room for all of them. HTTP/1.1 has a connection for
# each open stream: of 10,000 only as many went on as there may be connections, the others waited (measured).
CIRCUIT_BREAKERS: Document = {
    "thresholds": [
        {"max_connections": 20_000, "max_pending_requests": 20_000, "max_requests": 20_000, "max_retries": 20_000}
    ]
}

OUTLIER_DETECTION: Document = {
    "consecutive_5xx": 10,
    "consecutive_gateway_failure": 5,
    # 0 by default: counted, but nobody is ejected for it.
    "enforcing_consecutive_gateway_failure": 100,
    "consecutive_local_origin_failure": 3,
    # Else 5xx by the model's endpoint and failures to connect would share one counter.
    "split_external_local_origin_errors": True,
    "interval": "2s",
    "base_ejection_time": "5s",
    "max_ejection_time": "60s",
    "max_ejection_percent": 100,
}


def nobody_cluster() -> Document:
    """Something to be called that is not there."""
    # No socket can be made below a device: each call fails at once, but in Envoy's next turn. An answer by a listener
    # of our own would take twice as much of its time (measured).
    assignment = {"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": "/dev/null/nobody"}}}}]}
    return {
        "name": NOBODY,
        "type": "STATIC",
        "connect_timeout": "0.25s",
        "circuit_breakers": CIRCUIT_BREAKERS,
        "load_assignment": {"cluster_name": NOBODY, "endpoints": [assignment]},
    }


def largest_group(targets: Sequence[Target]) -> int:
    """How many targets the most widely served name has: the most attempts that a plan can hold."""
    names = Counter(name for target in targets for name in {target.id, *target.models})
    return max(names.values(), default=1)


def target_clusters(settings: Settings, targets: Sequence[Target]) -> list[Document]:
    """The clusters of all targets, in file order."""
    names = Counter(name for target in targets for name in {target.id, *target.models})
    return [
        _cluster(settings, target, alone=all(names[name] == 1 for name in (target.id, *target.models)))
        for target in targets
    ]


def _cluster(settings: Settings, target: Target, *, alone: bool) -> Document:
    host = _bare(target.host)
    trap = {
        "endpoint": {"address": settings.trap.document()},
        "metadata": {"filter_metadata": {"envoy.transport_socket_match": {"trap": True}}},
    }
    return {
        "name": target.id,
        "cluster_type": extension(
            "envoy.cluster.dns",
            "extensions.clusters.dns.v3.DnsCluster",
            {"dns_lookup_family": "V4_PREFERRED", "respect_dns_ttl": True, "dns_refresh_rate": "15s"},
        ),
        "connect_timeout": seconds(settings.connect_timeout),
        "upstream_connection_options": {
            "tcp_keepalive": {"keepalive_time": 30, "keepalive_interval": 10, "keepalive_probes": 3}
        },
        "circuit_breakers": CIRCUIT_BREAKERS,
        # Ejecting the only target there is helps nobody. Envoy ejects one host whatever max_ejection_percent says
        # (measured), so it is all or nothing.
        **({} if alone else {"outlier_detection": OUTLIER_DETECTION}),
        **_health_checks(target),
        # With no healthy host the trap takes all (priority 1); panic routing would ignore that.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        **_transport(settings, target),
        "load_assignment": {
            "cluster_name": target.id,
            # One healthy address is enough to serve: at the default of 140 a target with two of three addresses ejected
            # would send half of its requests to the trap.
            "policy": {"overprovisioning_factor": 100_000},
            "endpoints": [
                {
                    "priority": 0,
                    "lb_endpoints": [
                        {
                            "endpoint": {
                                "hostname": host,
                                "address": {"socket_address": {"address": host, "port_value": target.port}},
                            }
                        }
                    ],
                },
                {"priority": 1, "lb_endpoints": [trap]},
            ],
        },
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: typed(
                "extensions.upstreams.http.v3.HttpProtocolOptions",
                {
                    # Below the idle time of AWS's front door, so that it is never the one to close first.
                    "common_http_protocol_options": {
                        "idle_timeout": "50s",
                        # The one time of an attempt that a target can have of its own: the router's per_try_timeout
                        # is read once for all attempts. An attempt cut by it is repeated elsewhere (measured).
                        "max_stream_duration": seconds(target.timeout_seconds + CUT_AFTER),
                    },
                    # SageMaker answers on HTTP/1.1; h2 on its port is unconfirmed.
                    "explicit_http_config": {"http_protocol_options": {}},
                    "http_filters": [
                        attempt_filter(target.id),
                        first_content_filter(),
                        extension(
                            "envoy.filters.http.upstream_codec",
                            "extensions.filters.http.upstream_codec.v3.UpstreamCodec",
                        ),
                    ],
                },
            )
        },
    }


def _health_checks(target: Target) -> Document:
    check = target.health_check
    if check is None:
        return {}
    # A connection and, by the host's own transport socket, a TLS handshake: anything more would have to be signed.
    # Unhealthy is what cannot be connected to, so the pool's connections may go on with what they have.
    return {
        "health_checks": [
            {
                "timeout": seconds(check.timeout),
                "interval": seconds(check.interval),
                # Also of a target that nobody has asked yet; 60 seconds by default.
                "no_traffic_interval": seconds(check.interval),
                "unhealthy_threshold": check.unhealthy_threshold,
                "healthy_threshold": check.healthy_threshold,
                "tcp_health_check": {},
            }
        ]
    }


def _transport(settings: Settings, target: Target) -> Document:
    if target.scheme != "https":
        return {}
    tls = extension(
        "envoy.transport_sockets.tls",
        "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        tls_context(_bare(target.host), settings.ca_file),
    )
    plain = extension("envoy.transport_sockets.raw_buffer", "extensions.transport_sockets.raw_buffer.v3.RawBuffer")
    return {
        "transport_socket_matches": [
            {"name": "trap", "match": {"trap": True}, "transport_socket": plain},
            {"name": "tls", "match": {}, "transport_socket": tls},
        ]
    }


def tls_context(host: str, ca_file: str) -> Document:
    """UpstreamTlsContext: the certificate must be a known authority's, and name the host."""
    validation: Document = {"trusted_ca": {"filename": ca_file}}
    common = {"tls_params": {"tls_minimum_protocol_version": "TLSv1_2"}, "validation_context": validation}
    try:
        ip_address(host)
    except ValueError:
        # Static: auto_sni would send the downstream's host (measured), for it runs before attempt.lua.
        return {"sni": host, "auto_sni_san_validation": True, "common_tls_context": common}
    # An address is no server name (RFC 6066, section 3); the certificate has to name it all the same.
    validation["match_typed_subject_alt_names"] = [{"san_type": "IP_ADDRESS", "matcher": {"exact": host}}]
    return {"common_tls_context": common}


def _bare(host: str) -> str:
    return host.removeprefix("[").removesuffix("]")
