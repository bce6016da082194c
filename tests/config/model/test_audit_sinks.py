"""`policy.audit-logger.sinks[]`."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from extproc.config.model.audit_sinks import AuditSink, OtlpSink, S3Sink, StdoutSink, WebhookSink

SINK: TypeAdapter[Any] = TypeAdapter(AuditSink)
LEAST: dict[str, dict[str, Any]] = {
    "stdout": {},
    "s3": {"bucket": "audit-archive"},
    "otlp": {"endpoint": "http://localhost:4318/v1/logs"},
    "webhook": {"url": "https://audit.example.com/ingest"},
}


@pytest.mark.parametrize(
    ("kind", "model"), [("stdout", StdoutSink), ("s3", S3Sink), ("otlp", OtlpSink), ("webhook", WebhookSink)]
)
def test_each_kind_has_its_section(kind: str, model: type) -> None:
    """`type` says which; sinks are required, may be five minutes behind, and are called as their type."""
    sink = SINK.validate_python({"type": kind, **LEAST[kind]})
    assert type(sink) is model
    assert (sink.name, sink.required, sink.max_lag_seconds) == (None, True, 300)


def test_objects_are_locked_by_default() -> None:
    """Compliance mode, an object a minute or for 8 MiB."""
    sink = S3Sink(type="s3", bucket="audit-archive")
    assert (sink.object_lock, sink.interval_seconds, sink.batch_bytes) == ("compliance", 60, 8_388_608)


@pytest.mark.parametrize(
    ("kind", "field", "value", "valid"),
    [
        ("s3", "bucket", "ab", False),
        ("s3", "bucket", "Audit", False),
        ("s3", "bucket", "audit.archive-1", True),
        ("s3", "prefix", "", True),
        ("s3", "prefix", "kt/prod/", True),
        ("s3", "prefix", "/kt/", False),
        ("s3", "prefix", "a b", False),
        ("s3", "region", "eu-central-1", True),
        ("s3", "region", "mars-1", False),
        ("s3", "object_lock", "governance", True),
        ("s3", "object_lock", "COMPLIANCE", False),
        ("s3", "batch_bytes", 4095, False),
        ("stdout", "name", "logs.1", True),
        ("stdout", "name", "../x", False),
        ("stdout", "name", "", False),
        ("stdout", "interval_seconds", 1, False),
        ("otlp", "headers_env", "OTEL_EXPORTER_OTLP_HEADERS", True),
        ("otlp", "headers_env", "api-key=k", False),
        ("otlp", "resource", {"a.b": "c"}, True),
        ("otlp", "resource", {"a b": "c"}, False),
        ("otlp", "resource", {"a": 1}, False),
        ("webhook", "secret_env", "AUDIT_SECRET", True),
        ("webhook", "secret_env", "whsec_c2VjcmV0+", False),
        ("webhook", "timeout_seconds", 0, False),
        ("webhook", "batch_records", 0, False),
    ],
)
def test_fields(kind: str, field: str, value: object, valid: bool) -> None:
    """What each field takes."""
    document = {"type": kind, **LEAST[kind], field: value}
    if valid:
        assert getattr(SINK.validate_python(document), field) == value
    else:
        with pytest.raises(ValidationError):
            SINK.validate_python(document)
