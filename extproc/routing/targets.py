"""A target: one SageMaker endpoint in one region, reached with one identity."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose AWS credentials sign: a profile, a pair of environment variables, or (all None) the standard chain.

    With a `role_arn` those only ask STS of `sts_region` for the role's credentials, and these sign.
    """

    profile: str | None = None
    access_key_env: str | None = None
    secret_key_env: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    role_session_name: str | None = None
    sts_region: str | None = None

    @property
    def source(self) -> Identity:
        """The same without the role: what STS is asked with."""
        return Identity(self.profile, self.access_key_env, self.secret_key_env)

    @property
    def name(self) -> str:
        """What an operator knows it by."""
        if self.role_arn is not None:
            # Without the account.
            return f"role {self.role_arn.rpartition('role/')[2]}, assumed by {self.source.name}"
        if self.profile:
            return f"profile {self.profile}"
        if self.access_key_env or self.secret_key_env:
            return f"environment {self.access_key_env}, {self.secret_key_env}"
        return "standard AWS chain"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How often Envoy connects to a target (seconds), and how many results in a row change its mind."""

    interval: float = 10.0
    timeout: float = 2.0
    unhealthy_threshold: int = 2
    healthy_threshold: int = 1


@dataclass(frozen=True, slots=True)
class Target:
    """One place a request may be sent to.

    `models` are the names that select it, the first being the one listed at /v1/models (alias, endpoint name, id).
    `scheme`, `host`, `port` say where to connect, an IPv6 address without brackets; `authority` is what is signed and
    sent as Host, `path_prefix` ("" or "/a/b") what stands before every path. `max_tokens` and `temperature` are used
    when the client sends none. `timeout_seconds` bounds one attempt's whole answer, `first_byte_timeout_seconds` a
    stream's silence before its first content (None: not of its own), `max_body_bytes` the request body.
    `retry_model_timeouts`: what the platform has timed out is sent to the next target, though the work goes on.

    `route` "invocations" calls InvokeEndpoint, "openai" SageMaker's own OpenAI path. `streaming` False: the endpoint
    answers whole only. `inference_component` to `custom_attributes` address what stands behind the endpoint;
    `inference_id` asks for the exchange's request id to be sent along; `sessions` says that the model keeps state.

    `upstream_model` is what a request's `model` becomes: None leaves it out, where nothing requires it.

    `prompt_template` names how a container that takes text only is prompted; `accept_eula` accepts the model's licence
    on every call. Of embeddings, `input_type` is what the texts are for when the client does not say, and `pooling` how
    a text's vector is made of its tokens', "mean" or "cls".

    Of routing: `weight` is its share, `priority` its tier (the lowest first), `pricing` what a million tokens of a
    prompt and of an answer cost (None: not told), `barred` why the data-routing-policy keeps requests away ("": not).
    """

    id: str
    endpoint: str
    models: tuple[str, ...]
    region: str
    kind: str = "chat"
    format: str = "openai"
    scheme: str = "https"
    host: str = ""
    port: int = 443
    identity: Identity = Identity()
    max_context_tokens: int | None = None
    timeout_seconds: float = 60.0
    first_byte_timeout_seconds: float | None = None
    retry_model_timeouts: bool = False
    max_tokens: int | None = None
    temperature: float | None = 0.3
    upstream_model: str | None = None
    prompt_template: str | None = None
    accept_eula: bool = False
    input_type: str | None = None
    pooling: str = "mean"
    path_prefix: str = ""
    route: str = "invocations"
    streaming: bool = True
    max_body_bytes: int | None = None
    inference_component: str | None = None
    target_model: str | None = None
    target_variant: str | None = None
    target_container: str | None = None
    custom_attributes: str | None = None
    inference_id: bool = False
    sessions: bool = False
    health_check: HealthCheck | None = None
    weight: float = 1.0
    priority: int = 0
    pricing: tuple[float, float] | None = None
    barred: str = ""

    def __hash__(self) -> int:
        # What is made of a target once is looked up by it for every request: equal ones have equal ids.
        return hash(self.id)

    @property
    def patience(self) -> float:
        """Seconds that a stream may be silent before its first content."""
        return self.timeout_seconds if self.first_byte_timeout_seconds is None else self.first_byte_timeout_seconds

    @property
    def names(self) -> tuple[str, ...]:
        """What AWS calls it, which no client is told."""
        return tuple(name for name in (self.endpoint, self.inference_component, self.target_model) if name)

    @property
    def authority(self) -> str:
        """Host header: without the scheme's own port, as SigV4 clients do; IPv6 in brackets (RFC 3986 §3.2.2)."""
        default = 443 if self.scheme == "https" else 80
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == default else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A consistent snapshot of AWS credentials. `token` is None for long-lived keys.

    `fingerprint` tells one set from the next without saying what it is: a session's access key and token are never
    reused.
    """

    access_key: str
    secret_key: str
    token: str | None = None
    fingerprint: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(f"{self.access_key}\n{self.token or ''}".encode("utf-8", "surrogatepass"))
        object.__setattr__(self, "fingerprint", digest.hexdigest()[:16])

    def __repr__(self) -> str:
        """Never the secret, wherever this is printed."""
        return f"Credentials(access_key={self.access_key[:4]}…)"
