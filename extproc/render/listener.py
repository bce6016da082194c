"""The listener that clients see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.render.access_log import access_log
from extproc.render.extension import Document, extension, seconds
from extproc.render.filter_state import REQUEST_ID, keep_original
from extproc.render.local_reply import local_replies
from extproc.render.processor import ANSWER, HEALTH_PATH, processor_filter
from extproc.render.script import script_filter
from extproc.render.tracing import tracing
from extproc.render.versions import NEWEST, Version

if TYPE_CHECKING:
    from extproc.render.settings import Settings

NAME = "kt"

# Header names that mean something to us or to AWS: a client's are dropped before anything reads them.
RESERVED = ("x-amz-", "x-amzn-", "x-kt-", "x-envoy-")


def listener(settings: Settings, routes: Document, version: Version = NEWEST) -> Document:
    """envoy.config.listener.v3.Listener; `routes` is HCM's `route_config` or `rds`.

    Nothing here depends on the targets: a new configuration changes routes and clusters, and no connection is drained.
    """
    return {
        "name": NAME,
        "address": settings.listen.document(),
        "per_connection_buffer_limit_bytes": 1_048_576,
        "filter_chains": [{"filters": [_connection_manager(settings, routes, version)]}],
    }


def _connection_manager(settings: Settings, routes: Document, version: Version) -> Document:
    return extension(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        {
            "stat_prefix": NAME,
            **routes,
            "use_remote_address": True,
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
            # The route's own idle_timeout follows the targets; this one holds until there is a route.
            "stream_idle_timeout": seconds(settings.idle_timeout),
            "local_reply_config": local_replies(),
            **({} if settings.collector is None else {"tracing": tracing(settings.collector)}),
            "access_log": [access_log(settings.access_log)],
            "early_header_mutation_extensions": [
                extension(
                    "envoy.http.early_header_mutation.header_mutation",
                    "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                    {"mutations": [_drop(prefix) for prefix in RESERVED]},
                )
            ],
            "http_filters": [
                keep_original(),
                _answer_headers(),
                extension(
                    "envoy.filters.http.health_check",
                    "extensions.filters.http.health_check.v3.HealthCheck",
                    {
                        "pass_through_mode": False,
                        "headers": [{"name": ":path", "string_match": {"exact": HEALTH_PATH}}],
                    },
                ),
                script_filter("kt.enclose", "enclose.lua"),
                processor_filter(settings, version),
                extension(
                    "envoy.filters.http.router",
                    "extensions.filters.http.router.v3.Router",
                    {"suppress_envoy_headers": True},
                ),
            ],
        },
    )


def _answer_headers() -> Document:
    # First in the list of filters, so last on the way back: whatever a worker leaves of AWS's headers, no
    # client sees it; and every answer has our id.
    request_id = {"header": {"key": "x-request-id", "value": f"%FILTER_STATE({REQUEST_ID}:PLAIN)%"}}
    # Of an answer that was enclosed with its head; of any other there is none.
    length = {"header": {"key": "content-length", "value": f"%DYNAMIC_METADATA({ANSWER}:length)%"}}
    mutations = [
        _drop("x-amz-"),
        _drop("x-amzn-"),
        _drop("x-envoy-"),
        {"remove": "x-kt-retriable"},
        {"append": {**request_id, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}},
        {"append": {**length, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}},
    ]
    return extension(
        "envoy.filters.http.header_mutation",
        "extensions.filters.http.header_mutation.v3.HeaderMutation",
        {"mutations": {"response_mutations": mutations}},
    )


def _drop(prefix: str) -> Document:
    return {"remove_on_match": {"key_matcher": {"prefix": prefix}}}
