"""Which Envoy knows what of the rendered documents: the one table of minimum versions.

Sources: the message descriptors inside the released binaries 1.36.2, 1.37.0, 1.38.2, 1.39.0 and 1.40.0 (what is marked
1.36 was found in the first of them, and may be older), and Envoy's changelogs/1.37.0.yaml, 1.39.0.yaml, 1.40.0.yaml.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Version = tuple[int, int]

OLDEST: Version = (1, 36)
NEWEST: Version = (1, 40)

# Obeys an order of targets that is made for each request (changelogs/1.40.0.yaml: "priority_group").
PRIORITY_GROUP: Version = (1, 40)
# ext_proc's own spans can be left out (changelogs/1.40.0.yaml: "emit_client_span").
CLIENT_SPAN: Version = (1, 40)
# A route's request_body_buffer_limit holds for the filters before the router, too (changelogs/1.37.0.yaml, "http").
BUFFER_LIMIT_OF_ROUTES: Version = (1, 37)

# An upstream filter may hold an answer back of which the router then makes a retry: before, Envoy crashes (measured on
# 1.36.2 and 1.36.4; changelogs/1.37.0.yaml, "router"; envoyproxy/envoy#41879).
HELD_ANSWERS: Version = (1, 37)
# ext_proc is asked about the replies that Envoy makes itself after a request was judged (measured: 1.36.4 does not).
JUDGED_REPLIES: Version = (1, 37)

# Every type named in a document, without "type.googleapis.com/envoy.".
TYPES: dict[str, Version] = {
    "config.cluster.v3.Cluster": OLDEST,
    "config.endpoint.v3.ClusterLoadAssignment": OLDEST,
    "config.listener.v3.Listener": OLDEST,
    "config.route.v3.RouteConfiguration": OLDEST,
    "config.trace.v3.OpenTelemetryConfig": OLDEST,
    "extensions.access_loggers.file.v3.FileAccessLog": OLDEST,
    "extensions.access_loggers.filters.cel.v3.ExpressionFilter": OLDEST,
    "extensions.clusters.dns.v3.DnsCluster": OLDEST,
    "extensions.common.matching.v3.ExtensionWithMatcher": OLDEST,
    "extensions.filters.common.matcher.action.v3.SkipFilter": OLDEST,
    "extensions.filters.http.ext_proc.v3.ExternalProcessor": OLDEST,
    "extensions.filters.http.header_mutation.v3.HeaderMutation": OLDEST,
    "extensions.filters.http.health_check.v3.HealthCheck": OLDEST,
    "extensions.filters.http.lua.v3.Lua": OLDEST,
    "extensions.filters.http.router.v3.Router": OLDEST,
    "extensions.filters.http.set_filter_state.v3.Config": OLDEST,
    "extensions.filters.http.upstream_codec.v3.UpstreamCodec": OLDEST,
    "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager": OLDEST,
    "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation": OLDEST,
    "extensions.matching.common_inputs.network.v3.FilterStateInput": OLDEST,
    "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig": OLDEST,
    "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate": OLDEST,
    "extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig": OLDEST,
    "extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier": PRIORITY_GROUP,
    "extensions.tracers.opentelemetry.samplers.v3.ParentBasedSamplerConfig": OLDEST,
    "extensions.tracers.opentelemetry.samplers.v3.TraceIdRatioBasedSamplerConfig": OLDEST,
    "extensions.transport_sockets.raw_buffer.v3.RawBuffer": OLDEST,
    "extensions.transport_sockets.tls.v3.UpstreamTlsContext": OLDEST,
    "extensions.upstreams.http.v3.HttpProtocolOptions": OLDEST,
}

# Fields newer than the oldest version. Of what is not here Envoy itself refuses what it does not know.
FIELDS: dict[str, Version] = {
    # RetryPolicy (changelogs/1.39.0.yaml, "router").
    "refresh_cluster_on_retry": (1, 39),
    # ExternalProcessor: 1.38 and 1.40.
    "allow_content_length_header": (1, 38),
    "emit_client_span": CLIENT_SPAN,
}

# The same of commands in format strings.
COMMANDS: dict[str, Version] = {
    # changelogs/1.37.0.yaml, "access_log" and "formatter".
    "COALESCE": (1, 37),
    "REQUEST_HEADER": (1, 37),
    "RESPONSE_HEADER": (1, 37),
    "RESPONSE_TRAILER": (1, 37),
}

_ENVOY = "type.googleapis.com/envoy."
_COMMAND = re.compile(r"%([A-Z][A-Z_0-9]*)[(:%]")


def parse(text: str) -> Version:
    """The version that a document is rendered for: "1.38" or "1.38.2"; any after 1.40 is given the document for 1.40.

    Raises:
        ValueError: it is no version, or older than any that can serve.
    """
    match = re.fullmatch(r"(\d{1,4})\.(\d{1,4})(?:\.\d{1,4})?", text, re.ASCII)
    if match is None:
        raise ValueError(f"{text!r} is no version of Envoy; write, for example, {written(OLDEST)}")
    version = int(match[1]), int(match[2])
    if version < OLDEST:
        raise ValueError(f"Envoy {text} is not supported: {written(OLDEST)} is the oldest that is")
    return min(version, NEWEST)


def written(version: Version) -> str:
    """As people write it."""
    return ".".join(map(str, version))


def newer(document: object, version: Version) -> list[str]:
    """What in a rendered document an Envoy of that version does not know: names of types, fields and commands.

    Raises:
        KeyError: the document names a type that TYPES does not have.
    """
    return sorted({name for name, since in _used(document) if since > version})


def _used(part: object) -> Iterator[tuple[str, Version]]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "@type" and value.startswith(_ENVOY):
                yield value, TYPES[value.removeprefix(_ENVOY)]
            elif key in FIELDS:
                yield key, FIELDS[key]
            yield from _used(value)
    elif isinstance(part, list):
        for value in part:
            yield from _used(value)
    elif isinstance(part, str):
        yield from ((name, COMMANDS[name]) for name in _COMMAND.findall(part) if name in COMMANDS)
