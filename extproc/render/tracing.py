"""Traces: Envoy itself makes a span of each exchange and of each attempt, and sends them to a collector by OTLP.

The workers add nothing but attributes, as dynamic metadata: no span is made, kept or sent in Python. Envoy takes the
parent from the client's `traceparent` (W3C Trace Context), and its decision whether the trace is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from extproc.render.clusters import tls_context
from extproc.render.extension import Document, extension
from extproc.span import ATTRIBUTES, SPAN

if TYPE_CHECKING:
    from extproc.render.settings import Settings

CLUSTER = "kt.traces"
SERVICE = "kt-gateway"
PATH = "/v1/traces"
_SAMPLERS = "envoy.tracers.opentelemetry.samplers"
_PORTS = {"http": 4318, "https": 443}


@dataclass(frozen=True, slots=True)
class Collector:
    """Where spans go by OTLP over HTTP. `percent` of the traces that begin here are recorded, 0 to 100."""

    host: str
    port: int
    path: str = PATH
    secure: bool = False
    percent: float = 100.0

    @classmethod
    def parse(cls, url: str, percent: float = 100.0) -> Collector:
        """`http://collector:4318`, say: without a path, OTLP's own is added.

        Raises:
            ValueError: it is no such URL; says what to write.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ValueError(f"{url!r} is no URL: {error}") from None
        if parts.scheme not in _PORTS or not host or parts.username or parts.query or parts.fragment:
            raise ValueError(f"{url!r} is no collector's URL; write http://host:4318 or https://host")
        path = PATH if parts.path in ("", "/") else parts.path
        return cls(host, port or _PORTS[parts.scheme], path, secure=parts.scheme == "https", percent=percent)

    @property
    def url(self) -> str:
        """The whole URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.path}"


def tracing(collector: Collector) -> Document:
    """HttpConnectionManager.Tracing."""
    service = {"http_uri": {"uri": collector.url, "cluster": CLUSTER, "timeout": "5s"}}
    # A sampler, for HttpConnectionManager's random_sampling goes before the client's own decision (measured).
    share = {"numerator": round(collector.percent * 10_000), "denominator": "MILLION"}
    wrapped = extension(
        f"{_SAMPLERS}.trace_id_ratio_based",
        "extensions.tracers.opentelemetry.samplers.v3.TraceIdRatioBasedSamplerConfig",
        {"sampling_percentage": share},
    )
    sampler = extension(
        f"{_SAMPLERS}.parent_based",
        "extensions.tracers.opentelemetry.samplers.v3.ParentBasedSamplerConfig",
        {"wrapped_sampler": wrapped},
    )
    provider = extension(
        "envoy.tracers.opentelemetry",
        "config.trace.v3.OpenTelemetryConfig",
        {"http_service": service, "service_name": SERVICE, "sampler": sampler},
    )
    return {
        "provider": provider,
        "spawn_upstream_span": True,
        "custom_tags": [_tag(name) for name in ATTRIBUTES],
    }


def collector_cluster(settings: Settings, collector: Collector) -> Document:
    """The collector. A dead one costs spans, and no exchange anything: Envoy sends them aside."""
    endpoint = {"address": {"socket_address": {"address": collector.host, "port_value": collector.port}}}
    tls = extension(
        "envoy.transport_sockets.tls",
        "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        tls_context(collector.host, settings.ca_file),
    )
    return {
        "name": CLUSTER,
        "cluster_type": extension(
            "envoy.cluster.dns",
            "extensions.clusters.dns.v3.DnsCluster",
            {"dns_lookup_family": "V4_PREFERRED", "respect_dns_ttl": True},
        ),
        "connect_timeout": "1s",
        **({"transport_socket": tls} if collector.secure else {}),
        "load_assignment": {"cluster_name": CLUSTER, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
    }


def _tag(name: str) -> Document:
    # What no worker has said is no attribute at all: there is no default.
    return {
        "tag": name,
        "metadata": {"kind": {"request": {}}, "metadata_key": {"key": SPAN, "path": [{"key": name}]}},
    }
