"""`policy.audit-logger.sinks`, compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """What the shipping of every sink goes by. Times are seconds.

    What was written is delivered when `interval` has passed, or so much of it has come together; `batch_bytes` and
    `batch_records` are the most in one delivery, unless one sealed batch is larger already.
    """

    name: str
    required: bool = True
    max_lag: float = 300.0
    interval: float = 0.2
    batch_bytes: int = 1_048_576
    batch_records: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StdoutSettings(SinkSettings):
    """Standard output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings(SinkSettings):
    """A bucket. `object_lock` is the mode as S3 spells it, "" for none; `retention_days` the least that is locked."""

    bucket: str
    prefix: str = ""
    region: str | None = None
    endpoint_url: str | None = None
    aws_profile: str | None = None
    object_lock: str = "COMPLIANCE"
    retention_days: int = 365
    legal_hold: bool = False
    timeout: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpSettings(SinkSettings):
    """A collector. `headers_env` names the variable that holds headers."""

    endpoint: str
    headers_env: str | None = None
    resource: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings(SinkSettings):
    """A server. `secret_env` and `headers_env` name the variables that hold the secret and headers."""

    url: str
    secret_env: str | None = None
    headers_env: str | None = None
    timeout: float = 10.0
