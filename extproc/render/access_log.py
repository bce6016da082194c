"""What Envoy logs: only exchanges that no worker can have audited, so that the supervisor can."""

from __future__ import annotations

from extproc.render.extension import Document, extension
from extproc.render.local_reply import when
from extproc.render.processor import AUDIT

# No headers, no bodies, no query.
FIELDS = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "request_id": "%STREAM_ID%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration_ms": "%DURATION%",
    "peer": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
}


def access_log(path: str) -> Document:
    """JSON lines to `path`."""
    unclaimed = {
        "metadata_filter": {
            "matcher": {
                "filter": AUDIT,
                "path": [{"key": "claimed"}],
                "value": {"double_match": {"exact": 1}},
                "invert": True,
            },
            "match_if_key_not_found": True,
        }
    }
    failed = when("response.code_details.startsWith('ext_proc')")
    return {
        "name": "envoy.access_loggers.file",
        "filter": {"and_filter": {"filters": [NOT_HEALTH, {"or_filter": {"filters": [unclaimed, failed]}}]}},
        **{
            key: value
            for key, value in extension(
                "envoy.access_loggers.file",
                "extensions.access_loggers.file.v3.FileAccessLog",
                {"path": path, "log_format": {"json_format": FIELDS}},
            ).items()
            if key == "typed_config"
        },
    }


# Probes of load balancers are answered by Envoy and are nobody's exchange.
NOT_HEALTH: Document = {"not_health_check_filter": {}}
