"""The listener that clients see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.render.access_log import access_log
from extproc.render.extension import Document, extension, seconds
from extproc.render.local_reply import local_replies
from extproc.render.processor import processor_filter
from extproc.render.routes import route_configuration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from extproc.config.runtime import Limits
    from extproc.render.settings import Settings
    from extproc.routing.targets import Target

NAME = "kt"

# Names that mean something to us or to AWS: a client's are dropped before anything reads them.
RESERVED = ("x-amz-", "x-amzn-", "x-kt-", "x-envoy-")


def listener(settings: Settings, targets: Sequence[Target], limits: Limits) -> Document:
    """envoy.config.listener.v3.Listener."""
    return {
        "name": NAME,
        "address": settings.listen.document(),
        "per_connection_buffer_limit_bytes": 1_048_576,
        "filter_chains": [{"filters": [_connection_manager(settings, targets, limits)]}],
    }


def _connection_manager(settings: Settings, targets: Sequence[Target], limits: Limits) -> Document:
    longest = max((target.timeout_seconds for target in targets), default=60.0)
    return extension(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        {
            "stat_prefix": NAME,
            "route_config": route_configuration(settings, targets, limits),
            "use_remote_address": True,
            "always_set_request_id_in_response": True,
            "server_header_transformation": "OVERWRITE",
            "server_name": "kt",
            "normalize_path": True,
            # A model's name may hold an escaped slash: /v1/models/org%2Fmodel.
            "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
            "max_request_headers_kb": 60,
            "common_http_protocol_options": {
                "idle_timeout": "600s",
                "max_headers_count": 100,
                "headers_with_underscores_action": "DROP_HEADER",
            },
            "http2_protocol_options": {
                "max_concurrent_streams": 128,
                "initial_stream_window_size": 1_048_576,
                "initial_connection_window_size": 16_777_216,
            },
            "request_headers_timeout": "15s",
            "request_timeout": seconds(settings.upload_timeout),
            "stream_idle_timeout": seconds(max(settings.idle_timeout, longest + 30)),
            "local_reply_config": local_replies(),
            "access_log": [access_log(settings.access_log)],
            "early_header_mutation_extensions": [
                extension(
                    "envoy.http.early_header_mutation.header_mutation",
                    "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                    {"mutations": [_drop(prefix) for prefix in RESERVED]},
                )
            ],
            "http_filters": [
                extension(
                    "envoy.filters.http.health_check",
                    "extensions.filters.http.health_check.v3.HealthCheck",
                    {
                        "pass_through_mode": False,
                        "headers": [{"name": ":path", "string_match": {"exact": "/healthz"}}],
                    },
                ),
                # Before ext_proc in this list, so after it on the way back: whatever a worker leaves of AWS's headers,
                # no client sees it.
                extension(
                    "envoy.filters.http.header_mutation",
                    "extensions.filters.http.header_mutation.v3.HeaderMutation",
                    {
                        "mutations": {
                            "response_mutations": [_drop("x-amz-"), _drop("x-amzn-"), {"remove": "x-kt-retriable"}]
                        }
                    },
                ),
                processor_filter(settings),
                extension(
                    "envoy.filters.http.router",
                    "extensions.filters.http.router.v3.Router",
                    {"suppress_envoy_headers": True},
                ),
            ],
        },
    )


def _drop(prefix: str) -> Document:
    return {"remove_on_match": {"key_matcher": {"prefix": prefix}}}
