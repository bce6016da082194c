"""What Envoy logs: exchanges that no worker can have audited, and how those ended that a worker saw break off."""

from __future__ import annotations

from extproc.render.extension import Document, extension
from extproc.render.filter_state import PATH
from extproc.render.local_reply import WORKERS_OWN, when
from extproc.render.processor import AUDIT

# No headers, no bodies, no query.
FIELDS = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "method": "%REQ(:METHOD)%",
    "path": f"%FILTER_STATE({PATH}:PLAIN)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "request_id": "%RESP(x-request-id)%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration_ms": "%DURATION%",
    "claimed": f"%DYNAMIC_METADATA({AUDIT}:claimed)%",
    "peer": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
}


def access_log(path: str) -> Document:
    """JSON lines to `path`."""
    unclaimed = {
        "metadata_filter": {
            "matcher": {
                "filter": AUDIT,
                "path": [{"key": "claimed"}],
                # A claim is no null, so it is not logged; `invert` is ignored by this filter (measured).
                "value": {"null_match": {}},
            },
            "match_if_key_not_found": True,
        }
    }
    # A worker that answers at once has no claim to make: it has the whole exchange.
    not_answered = when(f"!response.code_details.startsWith('{WORKERS_OWN}')")
    # The worker saw only that the exchange was closed: who left, and what the client got, Envoy alone knows.
    broken_off = when("response.code_details != 'via_upstream'")
    nobody = {"or_filter": {"filters": [unclaimed, broken_off]}}
    # Probes of load balancers are answered by Envoy and are nobody's exchange.
    probes: Document = {"not_health_check_filter": {}}
    log = extension(
        "envoy.access_loggers.file",
        "extensions.access_loggers.file.v3.FileAccessLog",
        {"path": path, "log_format": {"json_format": FIELDS}},
    )
    return {**log, "filter": {"and_filter": {"filters": [probes, not_answered, nobody]}}}
