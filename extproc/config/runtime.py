"""What a configuration becomes once it is compiled: frozen, complete, nothing left to look up on the request path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extproc.routing.settings import Routing

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.config.recipe import Recipe
    from extproc.config.sink_settings import SinkSettings
    from extproc.policies.chain import Chain
    from extproc.routing.targets import Target


@dataclass(frozen=True, slots=True)
class Pack:
    """The configuration's own name and version; `enabled` False refuses all traffic."""

    name: str
    version: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes; a request body over the first is a 413, a response body over the second a 502."""

    max_body_bytes: int = 26_214_400
    max_response_bytes: int = 26_214_400


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where a key is: `kind` is file, env or kms; `name` a path, a variable or a KMS key; `region` that of KMS."""

    kind: str
    name: str
    region: str | None = None


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """What audit-logger asks for. `enabled` is False when it is not in the chain: then nothing is written.

    `capture` is none, redacted or full, `capture_bytes` of each body at the most. `principal_header` and
    `client_headers` are in lower case. `queue_records` waits without `immutable`; `max_batch` records are committed
    together; a segment ends after `segment_bytes`.
    """

    enabled: bool = True
    immutable: bool = True
    retention_days: int = 365
    log_all_access: bool = True
    path: Path | None = None
    legal_hold: bool = False
    signing_key: KeySource | None = None
    hash_key: KeySource | None = None
    encryption_key: KeySource | None = None
    capture: str = "none"
    capture_bytes: int = 65_536
    principal_header: str = ""
    client_headers: tuple[str, ...] = ()
    max_batch: int = 1024
    queue_records: int = 10_000
    segment_bytes: int = 67_108_864
    checkpoint_seconds: float = 1.0
    sinks: tuple[SinkSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class Runtime:
    """One compiled configuration. Exchanges keep the one they started with.

    `by_model` maps every name a client may send as `model` to its failover group, in file order; `fallbacks` those of
    model groups to the groups that follow, each target once. `groups` are the model groups' names.
    `recipe` is what `chain` was made from, None when it was made by hand.
    `created` is the `created` of /v1/models (Unix seconds); `config_hash` is the SHA-256 of the file, hex.
    """

    pack: Pack
    config_hash: str
    targets: tuple[Target, ...]
    by_model: Mapping[str, tuple[Target, ...]]
    chain: Chain
    audit: AuditSettings
    limits: Limits = field(default_factory=Limits)
    created: int = 0
    fail_open: bool = False
    routing: Routing = field(default_factory=Routing)
    fallbacks: Mapping[str, tuple[tuple[Target, ...], ...]] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    recipe: Recipe | None = None

    @property
    def named(self) -> dict[str, str]:
        """What records say of the configuration they were made under."""
        return {"pack": f"{self.pack.name}@{self.pack.version}", "hash": self.config_hash}

    def stages(self, model: str) -> tuple[tuple[Target, ...], ...]:
        """The targets that a name stands for: its group's, then those of each fallback group."""
        return (self.by_model.get(model, ()), *self.fallbacks.get(model, ()))

    @property
    def together(self) -> tuple[tuple[Target, ...], ...]:
        """For each name of a model group, all targets that a request may try, in file order."""
        reached = ({target.id for stage in self.stages(name) for target in stage} for name in self.fallbacks)
        return tuple(tuple(target for target in self.targets if target.id in ids) for ids in reached)
