"""Failover before Envoy 1.40: for each order of targets one cluster, with each target at a priority of its own.

`priority_group`, which obeys an order that is made for each request, is new in 1.40. Older ones choose the cluster once
for all attempts, by the name of the order in a header of the worker's (extproc/routing/order.py), and the retry
priority `previous_priorities` leaves out what was tried already. When everything was, it begins anew, which is where
an attempt goes that was signed again.

A target without a healthy host is passed over, and where none has one the request ends there: so there is no trap.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from extproc.render.attempt import attempt_filters
from extproc.render.clusters import CUT_AFTER, HTTP_OPTIONS, target_clusters
from extproc.render.extension import Document, extension, seconds
from extproc.render.routes import route_configuration
from extproc.render.versions import HELD_ANSWERS, Version
from extproc.routing import order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.config.runtime import Limits
    from extproc.render.settings import Settings
    from extproc.routing.targets import Target

# 192 clusters with 672 TLS contexts: 250 MiB of Envoy's memory (measured on 1.40.0; those of three targets 10 MiB).
MOST_TARGETS = 6
# Namespaces of an endpoint's metadata: where Envoy looks for the transport socket, and attempt.py for the target.
SOCKET, OURS = "envoy.transport_socket_match", "kt"


def order_clusters(
    settings: Settings, targets: Sequence[Target], version: Version, together: Sequence[Sequence[Target]] = ()
) -> list[Document]:
    """The clusters of all orders that a worker may ask for, each once.

    `together` are targets that one request may try though no name is common to them, each group in file order.

    Raises:
        ValueError: a model has too many targets.
    """
    single = {cluster["name"]: cluster for cluster in target_clusters(settings, targets)}
    named = {
        order.name(chosen, targets): chosen
        for group in (*_groups(targets).values(), *together)
        for chosen in order.orders(_few(group))
    }
    filters = attempt_filters(waits=version >= HELD_ANSWERS)
    return [_cluster(name, chosen, single, filters) for name, chosen in named.items()]


def _groups(targets: Sequence[Target]) -> Mapping[tuple[str, str], Sequence[Target]]:
    groups: defaultdict[tuple[str, str], list[Target]] = defaultdict(list)
    for target in targets:
        for model in dict.fromkeys((target.id, *target.models)):
            groups[model, target.kind].append(target)
    return groups


def _few(group: Sequence[Target]) -> Sequence[Target]:
    if len(group) > MOST_TARGETS:
        raise ValueError(
            f"the model {group[0].models[0]!r} has {len(group)} targets; an Envoy before 1.40 can have {MOST_TARGETS}"
        )
    return group


def _cluster(name: str, chosen: Sequence[Target], single: Mapping[str, Document], filters: list[Document]) -> Document:
    sockets = [
        {**socket, "name": target.id, "match": {"target": target.id}}
        for target in chosen
        for socket in single[target.id].get("transport_socket_matches", ())
        if socket["name"] == "tls"
    ]
    first = single[chosen[0].id]
    options = first["typed_extension_protocol_options"][HTTP_OPTIONS]
    longest = max(target.timeout_seconds for target in chosen)
    # Of all attempts, as this is one cluster.
    times = {**options["common_http_protocol_options"], "max_stream_duration": seconds(longest + CUT_AFTER)}
    (codec,) = (each for each in options["http_filters"] if each["name"] == "envoy.filters.http.upstream_codec")
    return {
        **{key: value for key, value in first.items() if key != "transport_socket_matches"},
        "name": name,
        **({"transport_socket_matches": sockets} if sockets else {}),
        "load_assignment": {
            **first["load_assignment"],
            "cluster_name": name,
            "endpoints": [
                {"priority": priority, "lb_endpoints": [_endpoint(target, single[target.id])]}
                for priority, target in enumerate(chosen)
            ],
        },
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: {**options, "common_http_protocol_options": times, "http_filters": [*filters, codec]}
        },
    }


def _endpoint(target: Target, cluster: Document) -> Document:
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    names = {"target": target.id}
    return {**endpoint, "metadata": {"filter_metadata": {SOCKET: names, OURS: names}}}


def ordered_routes(settings: Settings, targets: Sequence[Target], limits: Limits) -> Document:
    """The route configuration; the cluster is the order that the worker names."""
    configuration = route_configuration(settings, targets, limits)
    (host,) = configuration["virtual_hosts"]
    return {**configuration, "virtual_hosts": [{**host, "routes": [_route(route) for route in host["routes"]]}]}


def _route(entry: Document) -> Document:
    newer = ("inline_cluster_specifier_plugin", "retry_policy")
    kept = {key: value for key, value in entry["route"].items() if key not in newer}
    retries = {key: value for key, value in entry["route"]["retry_policy"].items() if key != "refresh_cluster_on_retry"}
    previous = extension(
        "envoy.retry_priorities.previous_priorities",
        "extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
        # Each attempt counts: 2 would try the same target twice.
        {"update_frequency": 1},
    )
    route = {"cluster_header": order.HEADER, **kept, "retry_policy": {**retries, "retry_priority": previous}}
    return {**entry, "route": route}
