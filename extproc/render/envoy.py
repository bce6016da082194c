"""Configuration in, Envoy's documents out: one static file, or a bootstrap and files that are watched while it runs."""

from __future__ import annotations

import hashlib
import json
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

import yaml

from extproc.render.bootstrap import bootstrap
from extproc.render.clusters import nobody_cluster, target_clusters
from extproc.render.extension import Document, typed
from extproc.render.listener import listener
from extproc.render.priorities import order_clusters, ordered_routes
from extproc.render.routes import NAME as ROUTES
from extproc.render.routes import route_configuration
from extproc.render.tracing import collector_cluster
from extproc.render.trap import trap_listener
from extproc.render.versions import BUFFER_LIMIT_OF_ROUTES, NEWEST, PRIORITY_GROUP, Version
from extproc.render.workers import assignment, fixed, from_file, workers_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.config.runtime import Limits
    from extproc.render.settings import Address, Settings
    from extproc.routing.targets import Target

    Groups = Sequence[Sequence[Target]]


def static(
    settings: Settings, targets: Sequence[Target], limits: Limits, *, version: Version = NEWEST, together: Groups = ()
) -> Document:
    """Everything in one document: for compose, for a mesh, and for reading.

    `together` are targets that one request may try without sharing a name (`Runtime.together`).

    Raises:
        ValueError: an Envoy of that version cannot serve these targets.
    """
    upstreams = _upstreams(settings, targets, limits, version, together)
    clusters = [workers_cluster(fixed(settings.workers)), *upstreams.clusters]
    listeners = [_clients(settings, {"route_config": upstreams.routes}, limits, version), *upstreams.listeners]
    return bootstrap(settings, {"static_resources": {"listeners": listeners, "clusters": clusters}})


def dynamic(
    settings: Settings,
    targets: Sequence[Target],
    limits: Limits,
    directory: str,
    *,
    version: Version = NEWEST,
    together: Groups = (),
) -> dict[str, Document]:
    """Documents by file name, to be put into `directory`: Envoy starts from bootstrap.json and watches the others.

    `together` as in `static`.

    Replace a watched file by renaming over it: endpoints (eds) and clusters (cds) before routes (rds).

    Raises:
        ValueError: a worker is given by a host name, or an Envoy of that version cannot serve these targets.
    """
    upstreams = _upstreams(settings, targets, limits, version, together)
    routes = {"rds": {"route_config_name": ROUTES, "config_source": _watched(directory, "rds.json")}}
    clusters = [workers_cluster(from_file(_watched(directory, "eds.json"))), *upstreams.clusters]
    listeners = [_clients(settings, routes, limits, version), *upstreams.listeners]
    sources = {"cds_config": _watched(directory, "cds.json"), "lds_config": _watched(directory, "lds.json")}
    return {
        "bootstrap.json": bootstrap(settings, {"dynamic_resources": sources}),
        "eds.json": endpoints(settings.workers),
        "cds.json": _discovered("config.cluster.v3.Cluster", clusters),
        "lds.json": _discovered("config.listener.v3.Listener", listeners),
        "rds.json": _discovered("config.route.v3.RouteConfiguration", [upstreams.routes]),
    }


class _Upstreams(NamedTuple):
    """What depends on the targets, and on how Envoy fails over between them."""

    clusters: list[Document]
    routes: Document
    listeners: list[Document]


def _upstreams(
    settings: Settings, targets: Sequence[Target], limits: Limits, version: Version, together: Groups
) -> _Upstreams:
    if version < PRIORITY_GROUP:
        clusters = order_clusters(settings, targets, version, together)
        return _Upstreams([*clusters, *_collector(settings)], ordered_routes(settings, targets, limits), [])
    routes = route_configuration(settings, targets, limits)
    clusters = [*target_clusters(settings, targets), nobody_cluster(), *_collector(settings)]
    return _Upstreams(clusters, routes, [trap_listener(settings)])


def _collector(settings: Settings) -> list[Document]:
    return [] if settings.collector is None else [collector_cluster(settings, settings.collector)]


def _clients(settings: Settings, routes: Document, limits: Limits, version: Version) -> Document:
    document = listener(settings, routes, version)
    if version < BUFFER_LIMIT_OF_ROUTES:
        # The route's limit comes too late for ext_proc, which holds the whole body before the router is reached.
        document["per_connection_buffer_limit_bytes"] = max(limits.max_body_bytes, limits.max_response_bytes)
    return document


def endpoints(workers: Sequence[Address]) -> Document:
    """eds.json for these workers: rename it over the old one and Envoy uses the new sockets.

    Raises:
        ValueError: a worker is given by a host name, which Envoy resolves in a static configuration only.
    """
    for worker in workers:
        if not worker.path:
            ip_address(worker.host)
    return _discovered("config.endpoint.v3.ClusterLoadAssignment", [assignment(workers)])


def to_json(document: Document) -> str:
    """Stable text: the same configuration renders to the same bytes."""
    return json.dumps(document, indent=2) + "\n"


def to_yaml(document: Document) -> str:
    """The same, for people."""
    text: str = yaml.safe_dump(document, sort_keys=False, width=120)
    return text


def _discovered(type_name: str, resources: Sequence[Document]) -> Document:
    # envoy.service.discovery.v3.DiscoveryResponse. Envoy repeats the version in a statistic once it uses it.
    typed_resources = [typed(type_name, resource) for resource in resources]
    version = hashlib.sha256(json.dumps(typed_resources, sort_keys=True).encode()).hexdigest()[:16]
    return {"version_info": version, "resources": typed_resources}


def _watched(directory: str, name: str) -> Document:
    # envoy.config.core.v3.ConfigSource
    return {
        "path_config_source": {"path": f"{directory}/{name}", "watched_directory": {"path": directory}},
        "resource_api_version": "V3",
    }
