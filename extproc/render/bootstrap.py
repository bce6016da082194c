"""The document Envoy starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.render.extension import Document, extension

if TYPE_CHECKING:
    from extproc.render.settings import Settings


def bootstrap(settings: Settings, resources: Document) -> Document:
    """envoy.config.bootstrap.v3.Bootstrap, with `static_resources` or `dynamic_resources` from `resources`."""
    return {
        "node": {"id": "kt", "cluster": "kt"},
        "admin": {"address": _private(settings)},
        # The list of headers that a worker may write is one expression of about 200 steps; 100 is the limit by default.
        "layered_runtime": {"layers": [{"name": "kt", "static_layer": {"re2.max_program_size.error_level": 1000}}]},
        # Envoy warns, with reason, when nothing bounds the clients' connections.
        "overload_manager": {
            "resource_monitors": [
                extension(
                    "envoy.resource_monitors.global_downstream_max_connections",
                    "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    {"max_active_downstream_connections": settings.max_connections},
                )
            ]
        },
        **resources,
    }


def _private(settings: Settings) -> Document:
    # 0600: whoever reaches the admin endpoint can stop Envoy and read its configuration.
    address = settings.admin.document()
    return {"pipe": {**address["pipe"], "mode": 0o600}} if settings.admin.path else address  # type: ignore[dict-item] # a pipe is a mapping
