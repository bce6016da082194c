"""`policy.audit-logger`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from extproc.config.model.audit_sinks import AuditSink
from extproc.config.model.section import Section

# RFC 9110 §5.6.2.
HEADER_NAME = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$"


class SecretSource(Section):
    """Where a secret is: in a file or in the environment, never in this file."""

    file: str | None = Field(default=None, min_length=1, max_length=1024, description="Path of a file that holds it.")
    env: str | None = Field(
        default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$", description="Environment variable that holds it."
    )


class SigningKey(SecretSource):
    """The Ed25519 key that vouches for what the trail's writers sign."""

    kms: str | None = Field(
        default=None,
        min_length=1,
        max_length=2048,
        description="Id, ARN or alias of an AWS KMS key of spec ECC_NIST_EDWARDS25519.",
        examples=["alias/kt-audit"],
    )
    region: str | None = Field(
        default=None,
        pattern=r"^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$",
        description="Region of the KMS key; default: AWS_REGION's.",
    )


class AuditLogger(Section):
    """One record for every exchange: refusals, failures and aborts included."""

    immutable: bool = Field(
        default=True,
        description="An answer ends only after its record is on the disk (fsync). `false`: records wait in a queue.",
    )
    retention_days: int = Field(
        default=365,
        ge=1,
        le=36500,
        description="Days that a record is kept; after them its segment is removed, never sooner.",
    )
    log_all_access: bool = Field(
        default=True,
        description="Whether reads of the model list, and of the trail with `kt audit`, are recorded too.",
    )
    hipaa_audit_controls: Literal[False] = Field(default=False, description="Records hold no fields beyond the usual.")
    path: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Directory of the trail; relative paths count from the configuration file. Default: `audit`.",
        examples=["audit"],
    )
    legal_hold: bool = Field(default=False, description="While `true`, nothing is removed whatever its age.")
    signing_key: SigningKey | None = Field(
        default=None,
        description="Vouches for each writer's own key. Without it a trail may have been made up as a whole.",
    )
    hash_key: SecretSource | None = Field(
        default=None,
        description="32 secret bytes. With it records hold an HMAC-SHA256 of each request's and answer's body.",
    )
    capture: Literal["none", "redacted", "full"] = Field(
        default="none",
        description="Bodies in records: none, as the policies left them, or (encrypted only) the request as it came.",
    )
    capture_bytes: int = Field(
        default=65_536, ge=1, le=1_048_576, description="Bytes of each captured body at the most; the rest is cut off."
    )
    encryption_key: SecretSource | None = Field(
        default=None, description="32 secret bytes. With it captured bodies are encrypted (AES-256-GCM)."
    )
    principal_header: str | None = Field(
        default=None,
        pattern=HEADER_NAME,
        description="The request header that names who asks, recorded as `principal`.",
        examples=["x-user-id"],
    )
    client_headers: list[Annotated[str, Field(pattern=HEADER_NAME)]] = Field(
        default_factory=list,
        max_length=16,
        description="Request headers that records repeat, 256 characters of each at the most.",
        examples=[["x-team", "x-correlation-id"]],
    )
    sinks: list[AuditSink] = Field(
        default_factory=list,
        max_length=8,
        description="Where sealed lines are delivered besides the trail's own segments.",
        examples=[[{"type": "stdout"}]],
    )
    max_batch: int = Field(
        default=1024, ge=1, le=65_536, description="Records that are committed together; 1 for no group commit."
    )
    queue_records: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Without `immutable`: records that wait at the most; more are dropped, and counted on the trail.",
    )
    segment_bytes: int = Field(
        default=67_108_864,
        ge=65_536,
        le=1_073_741_824,
        description="Size at which a segment ends; each UTC day ends it too.",
    )
    checkpoint_seconds: float = Field(
        default=1.0, ge=0.1, le=3600, description="Seconds between checkpoints, which join the writers' chains."
    )
