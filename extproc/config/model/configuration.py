"""The whole file: `pack`, `providers`, `policies`, `policy`, `size_limits`, `testing`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from extproc.config.model.audit_logger import AuditLogger
from extproc.config.model.data_policy import DataRouting
from extproc.config.model.dlp_filter import DlpFilter
from extproc.config.model.health_check import HealthCheck
from extproc.config.model.pack import Pack
from extproc.config.model.pii_detector import PiiDetector
from extproc.config.model.prompt_injection import PromptInjection
from extproc.config.model.routing import CircuitBreaker, Fallback, ModelGroup, Routing
from extproc.config.model.section import Section
from extproc.config.model.target import Target
from extproc.config.model.testing import Testing
from extproc.config.one_of import OneOf
from extproc.policies.table import KINDS

PolicyKind = Annotated[str, OneOf(KINDS)]


def _plain_entry(entry: Any) -> Any:
    """`{kind: {}}`, the object form of a chain entry with nothing in it, says no more than `kind`."""
    if isinstance(entry, dict) and len(entry) == 1:
        ((kind, settings),) = entry.items()
        return kind if settings in (None, {}) else entry
    return entry


class Providers(Section):
    """Where requests go."""

    targets: list[Target] = Field(
        min_length=1,
        max_length=500,
        description="The endpoints. Those that serve the same model are a failover group, in this order.",
    )
    routing: Routing | None = Field(default=None, description="In which order a request tries the targets.")
    fallback: Fallback | None = Field(default=None, description="When a request goes on to the next target.")
    circuit_breaker: CircuitBreaker | None = Field(default=None, description="Leaves failing targets alone.")
    health_check: HealthCheck | None = Field(default=None, description="For targets that have none of their own.")
    model_groups: list[ModelGroup] | None = Field(
        default=None, min_length=1, max_length=500, description="Names of one's own for groups of targets."
    )


class Policies(Section):
    """Which policies judge, in which order."""

    chain: list[Annotated[PolicyKind, BeforeValidator(_plain_entry)]] = Field(
        max_length=100,
        description="Policy kinds in the order they judge; a block ends the chain. Settings stand under `policy`.",
        examples=[["prompt-injection", "pii-detector", "dlp-filter", "audit-logger"]],
    )


class Policy(Section):
    """Settings by policy kind; a kind that is not in `policies.chain` does not run."""

    prompt_injection: PromptInjection | None = Field(
        default=None, alias="prompt-injection", description="Attempts to override the instructions."
    )
    pii_detector: PiiDetector | None = Field(default=None, alias="pii-detector", description="Personal data.")
    dlp_filter: DlpFilter | None = Field(default=None, alias="dlp-filter", description="Your own patterns and terms.")
    data_routing_policy: DataRouting | None = Field(
        default=None, alias="data-routing-policy", description="Which targets may see requests at all."
    )
    audit_logger: AuditLogger | None = Field(default=None, alias="audit-logger", description="The audit trail.")

    def of(self, kind: str) -> Section | None:
        """The settings of one kind, None when the file has none."""
        section: Section | None = getattr(self, kind.replace("-", "_"))
        return section


class SizeLimits(Section):
    """Largest bodies, in bytes. SageMaker itself takes 25 MiB on real-time endpoints."""

    max_body_bytes: int = Field(
        default=26_214_400, ge=1024, le=268_435_456, description="Largest request body; a larger one is a 413."
    )
    max_response_bytes: int = Field(
        default=26_214_400, ge=1024, le=268_435_456, description="Largest answer that is not a stream; else a 502."
    )


class Configuration(Section):
    """policy-config.yaml of kt, an OpenAI-compatible gateway for AWS SageMaker."""

    pack: Pack = Field(description="Name and version of this configuration.")
    providers: Providers = Field(description="Where requests go.")
    policies: Policies = Field(description="Which policies judge, in which order.")
    policy: Policy = Field(default=Policy(), description="Settings of the policies, by kind.")
    size_limits: SizeLimits = Field(default=SizeLimits(), description="Largest bodies, in bytes.")
    testing: Testing = Field(default=Testing(), description="Tests of this configuration, for `kt policy test`.")
    provider_routing: Routing | None = Field(default=None, description="Another place for `providers.routing`.")
    provider_fallback: Fallback | None = Field(default=None, description="Another place for `providers.fallback`.")
    circuit_breaker: CircuitBreaker | None = Field(
        default=None, description="Another place for `providers.circuit_breaker`."
    )
    model_groups: list[ModelGroup] | None = Field(
        default=None, min_length=1, max_length=500, description="Another place for `providers.model_groups`."
    )
