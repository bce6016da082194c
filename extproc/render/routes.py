"""The one route: every path goes to the workers, and from there to the targets in the order they planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.render.clusters import largest_group
from extproc.render.extension import Document, extension, seconds
from extproc.render.processor import PLAN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.config.runtime import Limits
    from extproc.render.settings import Settings
    from extproc.routing.targets import Target

NAME = "kt"
RETRIABLE = "x-kt-retriable"


def route_configuration(settings: Settings, targets: Sequence[Target], limits: Limits) -> Document:
    """envoy.config.route.v3.RouteConfiguration."""
    longest = max((target.timeout_seconds for target in targets), default=60.0)
    attempts = largest_group(targets)
    order = extension(
        "envoy.router.cluster_specifier_plugin.priority_group",
        "extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
        {
            "override_metadata_namespace": PLAN,
            "priority_groups": [
                {"name": target.id, "clusters": [{"cluster_name": target.id, "weight": 1}]} for target in targets
            ],
        },
    )
    route: Document = {
        "inline_cluster_specifier_plugin": {"extension": order},
        # Defaults: the worker sets both times for each request (x-envoy-upstream-rq-*timeout-ms).
        "timeout": seconds(longest * attempts + 5),
        # Silence is normal while a model thinks: never shorter than an attempt may take.
        "idle_timeout": seconds(max(settings.idle_timeout, longest + 30)),
        "retry_policy": {
            # Every answer is judged, and marked, by attempt.lua: it alone knows whether anything is left to try.
            "retry_on": "reset,connect-failure,refused-stream,retriable-headers",
            "retriable_headers": [{"name": RETRIABLE, "string_match": {"exact": "1"}}],
            # Each target, and one of them once more with a new signature.
            "num_retries": attempts,
            "refresh_cluster_on_retry": True,
            "per_try_timeout": seconds(longest),
            "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
        },
    }
    return {
        "name": NAME,
        "virtual_hosts": [
            {
                "name": NAME,
                "domains": ["*"],
                # 1 MiB by default, and for both directions; a BUFFERED answer obeys it too.
                "request_body_buffer_limit": max(limits.max_body_bytes, limits.max_response_bytes),
                "routes": [{"match": {"prefix": "/"}, "route": route}],
            }
        ],
    }
