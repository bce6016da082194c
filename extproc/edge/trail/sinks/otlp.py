"""OTLP/HTTP with JSON: one log record for each line.

https://opentelemetry.io/docs/specs/otlp/#otlphttp, opentelemetry/proto/logs/v1/logs.proto
"""

from __future__ import annotations

import time
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from extproc import __version__, record
from extproc.edge import logs
from extproc.edge.trail.sinks.headers import from_variable
from extproc.edge.trail.sinks.http import Poster

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.config.sink_settings import OtlpSettings
    from extproc.edge.trail.piece import Piece

# What closes the request behind its records, and how many of those are made at a stretch: about 0.5 ms.
_TAIL = b"]}]}]}"
_AT_ONCE = 16
# logs.proto, SeverityNumber.
_INFO, _WARN, _ERROR = (9, "INFO"), (13, "WARN"), (17, "ERROR")
_SEVERITIES = {
    record.BLOCKED: _WARN,
    record.REJECTED: _WARN,
    record.ABORTED: _WARN,
    record.FAILED: _ERROR,
    # Not an outcome but an event: lines that were lost.
    "dropped": _ERROR,
}
# A line's members to attributes, by OpenTelemetry's names where it has one:
# https://opentelemetry.io/docs/specs/semconv/registry/attributes/
_ATTRIBUTES = {
    "chain": "kt.audit.chain",
    "seq": "kt.audit.seq",
    "event": "kt.audit.event",
    "request_id": "kt.request_id",
    "outcome": "kt.outcome",
    "verdict": "kt.verdict",
    "target": "kt.target",
    "model": "gen_ai.request.model",
    "status": "http.response.status_code",
    "method": "http.request.method",
    "path": "url.path",
    "source_address": "client.address",
}
_USAGE = {"prompt_tokens": "gen_ai.usage.input_tokens", "completion_tokens": "gen_ai.usage.output_tokens"}


class Otlp:
    """Posts log records, their body the line as it stands in the trail. The receiver sees lines of a retry twice."""

    def __init__(self, settings: OtlpSettings, environ: Mapping[str, str]) -> None:
        """Raises Unusable when a variable is not set."""
        self.settings = settings
        self.rejected = 0
        self._poster = Poster(settings.endpoint, from_variable(settings.headers_env, environ), settings.timeout)
        self._resource = {"attributes": [_attribute(*each) for each in settings.resource.items()]}

    def prepare(self) -> None:
        """Nothing has to be."""

    def deliver(self, piece: Piece) -> int:
        """Send it. Raises Undelivered."""
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        answer = self._poster.post(b"".join(self._request(piece)), headers)
        if refused := _rejected(answer):
            # To be sent again by no means: "the client MUST NOT retry" a partial success.
            self.rejected += refused
            logs.get().warning("a collector has rejected audit records", sink=self.settings.name, records=refused)
        return len(piece.data)

    def _request(self, piece: Piece) -> Iterator[bytes]:
        """An ExportLogsServiceRequest, compressed; part by part, so that other threads are not kept waiting."""
        observed = str(time.time_ns())
        packed = zlib.compressobj(1, zlib.DEFLATED, 31)  # 31: gzip's frame around it
        scope = {"name": "kt.audit", "version": __version__}
        # The member that the records go into is the last, and stands open.
        head = {"resourceLogs": [{"resource": self._resource, "scopeLogs": [{"scope": scope, "logRecords": []}]}]}
        yield packed.compress(orjson.dumps(head).removesuffix(_TAIL))
        lines = piece.data.splitlines()
        for start in range(0, len(lines), _AT_ONCE):
            records = [orjson.dumps(log_record(line, observed)) for line in lines[start : start + _AT_ONCE]]
            yield packed.compress((b"," if start else b"") + b",".join(records))
            # Lets go of the interpreter: a worker that ships by itself answers clients between two parts.
            time.sleep(0)
        yield packed.compress(_TAIL)
        yield packed.flush()


def log_record(line: bytes, observed: str) -> dict[str, Any]:
    """A line as a LogRecord in OTLP's JSON; `observed` is its observedTimeUnixNano."""
    document = orjson.loads(line)
    severity = _SEVERITIES.get(document.get("outcome") or document.get("event"), _INFO)
    attributes = [_attribute(name, document[member]) for member, name in _ATTRIBUTES.items() if member in document]
    usage = document.get("usage")
    if isinstance(usage, dict):
        attributes += [_attribute(name, usage[member]) for member, name in _USAGE.items() if member in usage]
    return {
        "timeUnixNano": _nanoseconds(document.get("time")),
        "observedTimeUnixNano": observed,
        "severityNumber": severity[0],
        "severityText": severity[1],
        "eventName": f"kt.audit.{document.get('event')}",
        "body": {"stringValue": line.decode()},
        "attributes": attributes,
    }


def _attribute(key: str, value: object) -> dict[str, Any]:
    # 64-bit integers are text in protobuf's JSON.
    if isinstance(value, int) and not isinstance(value, bool):
        return {"key": key, "value": {"intValue": str(value)}}
    return {"key": key, "value": {"stringValue": str(value)}}


def _nanoseconds(time_of_line: object) -> str:
    try:
        at = datetime.fromisoformat(str(time_of_line))
    except ValueError:
        return "0"  # logs.proto: unknown or missing
    # Not by float: it holds no nanoseconds of our days.
    return str(int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000)


def _rejected(answer: bytes) -> int:
    """How many records a 2xx answer says were rejected (ExportLogsServiceResponse)."""
    try:
        return int(orjson.loads(answer)["partialSuccess"]["rejectedLogRecords"])
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError):
        return 0
