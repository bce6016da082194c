"""Configuration in, Envoy's documents out: one static file, or a bootstrap and files that are watched while it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from extproc.render.bootstrap import bootstrap
from extproc.render.clusters import target_clusters
from extproc.render.extension import Document, typed
from extproc.render.listener import listener
from extproc.render.trap import trap_listener
from extproc.render.workers import assignment, fixed, from_file, workers_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence
    from extproc.config.runtime import Limits
    from extproc.render.settings import Address, Settings
    from extproc.routing.targets import Target


def static(settings: Settings, targets: Sequence[Target], limits: Limits) -> Document:
    """Everything in one document: for compose and for reading."""
    listeners = [listener(settings, targets, limits), trap_listener(settings)]
    clusters = [workers_cluster(fixed(settings.workers)), *target_clusters(settings, targets)]
    return bootstrap(settings, {"static_resources": {"listeners": listeners, "clusters": clusters}})


def dynamic(settings: Settings, targets: Sequence[Target], limits: Limits, directory: str) -> dict[str, Document]:
    """Documents by file name, to be put into `directory`: Envoy starts from bootstrap.json and watches the others.

    Replace a watched file by renaming over it, endpoints (eds) and clusters (cds) before listeners (lds).
    """
    clusters = [workers_cluster(from_file(directory)), *target_clusters(settings, targets)]
    listeners = [listener(settings, targets, limits), trap_listener(settings)]
    return {
        "bootstrap.json": bootstrap(
            settings,
            {
                "dynamic_resources": {
                    "cds_config": _watched(directory, "cds.json"),
                    "lds_config": _watched(directory, "lds.json"),
                }
            },
        ),
        "eds.json": endpoints(settings.workers),
        "cds.json": {"resources": [typed("config.cluster.v3.Cluster", cluster) for cluster in clusters]},
        "lds.json": {"resources": [typed("config.listener.v3.Listener", each) for each in listeners]},
    }


def endpoints(workers: Sequence[Address]) -> Document:
    """eds.json for these workers: rename it over the old one and Envoy uses the new sockets."""
    return {"resources": [typed("config.endpoint.v3.ClusterLoadAssignment", assignment(workers))]}


def to_json(document: Document) -> str:
    """Stable text: the same configuration renders to the same bytes."""
    return json.dumps(document, indent=2) + "\n"


def to_yaml(document: Document) -> str:
    """The same, for people."""
    import yaml  # noqa: PLC0415 - only `kt envoy render` needs it

    text: str = yaml.safe_dump(document, sort_keys=False, width=120)
    return text


def _watched(directory: str, name: str) -> Document:
    return {
        "path_config_source": {"path": f"{directory}/{name}", "watched_directory": {"path": directory}},
        "resource_api_version": "V3",
    }
