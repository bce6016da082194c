"""`policy.audit-logger.sinks[]`: where else the audit trail goes, once it stands on the local disk."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from extproc.config.model.section import Section
from extproc.config.model.target import ENVIRONMENT_NAME, REGION

# The cursor of a sink is a file that is called as the sink is.
SINK_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
# "Safe characters" of https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html, and no leading slash.
PREFIX = r"^([A-Za-z0-9!_.*'()-][A-Za-z0-9!_.*'()/-]*)?$"
ATTRIBUTE = r"^[A-Za-z_][A-Za-z0-9_.-]*$"
MIB = 1_048_576


class Sink(Section):
    """What all sinks have in common. Each gets every sealed line of every chain, in order, at least once."""

    name: str | None = Field(
        default=None,
        pattern=SINK_NAME,
        max_length=64,
        description="Unique among the sinks; its place in the trail is kept under it. Default: `type`.",
        examples=["archive"],
    )
    required: bool = Field(
        default=True,
        description="`true`: when this sink is behind by more than `max_lag_seconds`, the trail counts as not "
        "writable, and --fail-mode decides. `false`: it is only reported.",
    )
    max_lag_seconds: float = Field(
        default=300,
        ge=1,
        le=604_800,
        description="Seconds that a line may wait for this sink; more than twice `interval_seconds`.",
    )


class StdoutSink(Sink):
    """Standard output, for whoever collects the logs of containers: the lines as they are, seals included."""

    type: Literal["stdout"] = Field(description="Which kind of sink this is.")


class S3Sink(Sink):
    """Amazon S3, or what speaks its protocol: pieces of segments that nobody can delete before their time."""

    type: Literal["s3"] = Field(description="Which kind of sink this is.")
    bucket: str = Field(
        pattern=BUCKET, description="The bucket. It must exist, with Object Lock enabled.", examples=["audit-archive"]
    )
    prefix: str = Field(
        default="",
        pattern=PREFIX,
        max_length=512,
        description="What every key begins with, a slash at its end included.",
        examples=["gateway/prod/"],
    )
    region: str | None = Field(
        default=None,
        pattern=REGION,
        description="Region of the bucket. Default: as for the AWS SDKs (AWS_REGION, the profile).",
        examples=["eu-central-1"],
    )
    endpoint_url: str | None = Field(
        default=None,
        min_length=1,
        max_length=300,
        description="Where to connect instead of AWS: a VPC endpoint, or a store that speaks S3.",
        examples=["https://minio.example.com:9000"],
    )
    aws_profile: str | None = Field(
        default=None,
        pattern=r"^[!-~]+( [!-~]+)*$",
        max_length=256,
        description="Named profile of ~/.aws/config. Default: the standard credential chain.",
        examples=["audit-writer"],
    )
    interval_seconds: float = Field(
        default=60, ge=0.2, le=3600, description="Seconds that lines are collected for one object."
    )
    batch_bytes: int = Field(
        default=8 * MIB, ge=4096, le=64 * MIB, description="Size at which an object is written without waiting."
    )
    object_lock: Literal["compliance", "governance", "none"] = Field(
        default="compliance",
        description="Mode in which each object is locked for `retention_days`. `compliance`: nobody can delete it or "
        "shorten that, the account's root user included. `none` leaves it unlocked.",
    )
    timeout_seconds: float = Field(default=60, gt=0, le=600, description="Seconds that S3 may be silent.")


class OtlpSink(Sink):
    """A collector of OpenTelemetry: OTLP/HTTP with JSON, one log record for each line."""

    type: Literal["otlp"] = Field(description="Which kind of sink this is.")
    endpoint: str = Field(
        min_length=1,
        max_length=1024,
        description="The whole URL, which ends in /v1/logs.",
        examples=["http://localhost:4318/v1/logs"],
    )
    headers_env: str | None = Field(
        default=None,
        pattern=ENVIRONMENT_NAME,
        max_length=256,
        description="Name of the environment variable that holds headers, as OTEL_EXPORTER_OTLP_HEADERS does: "
        "`name=value,name=value`, values percent-encoded.",
        examples=["OTEL_EXPORTER_OTLP_HEADERS"],
    )
    resource: dict[Annotated[str, Field(pattern=ATTRIBUTE, max_length=256)], Annotated[str, Field(max_length=1024)]] = (
        Field(
            default={},
            max_length=64,
            description="Attributes of the resource. `service.name` is kt-gateway unless it is given.",
            examples=[{"deployment.environment.name": "prod"}],
        )
    )
    interval_seconds: float = Field(
        default=1, ge=0.2, le=3600, description="Seconds that lines are collected for one request."
    )
    batch_bytes: int = Field(default=MIB, ge=4096, le=64 * MIB, description="Most bytes of lines in a request.")
    batch_records: int = Field(default=512, ge=1, le=100_000, description="Most lines in a request.")
    timeout_seconds: float = Field(default=10, gt=0, le=600, description="Seconds allowed for one request.")


class WebhookSink(Sink):
    """A server of your own: POST with the lines as application/x-ndjson; any 2xx means that they are kept."""

    type: Literal["webhook"] = Field(description="Which kind of sink this is.")
    url: str = Field(
        min_length=1, max_length=1024, description="Where to.", examples=["https://audit.example.com/ingest"]
    )
    secret_env: str | None = Field(
        default=None,
        pattern=ENVIRONMENT_NAME,
        max_length=256,
        description="Name of the environment variable that holds the secret by which requests are signed (HMAC).",
        examples=["AUDIT_WEBHOOK_SECRET"],
    )
    headers_env: str | None = Field(
        default=None,
        pattern=ENVIRONMENT_NAME,
        max_length=256,
        description="Name of the environment variable that holds headers: `name=value,name=value`, values "
        "percent-encoded.",
        examples=["AUDIT_WEBHOOK_HEADERS"],
    )
    interval_seconds: float = Field(
        default=1, ge=0.2, le=3600, description="Seconds that lines are collected for one request."
    )
    batch_bytes: int = Field(default=MIB, ge=4096, le=64 * MIB, description="Most bytes in a request.")
    batch_records: int = Field(default=1000, ge=1, le=100_000, description="Most lines in a request.")
    timeout_seconds: float = Field(default=10, gt=0, le=600, description="Seconds allowed for one request.")


AuditSink = Annotated[StdoutSink | S3Sink | OtlpSink | WebhookSink, Field(discriminator="type")]
