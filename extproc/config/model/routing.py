"""`providers.routing`, `providers.fallback`, `providers.circuit_breaker` and `providers.model_groups`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from extproc.config.model.section import Section
from extproc.config.one_of import OneOf
from extproc.routing.outcome import TRIGGERS
from extproc.routing.strategies.table import ALIASES, STRATEGIES

# RFC 9110 §5.6.2: a token.
HEADER = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
GroupName = Annotated[str, Field(pattern=r"^[!-~]+( [!-~]+)*$", max_length=256)]


class Sticky(Section):
    """What keeps a client at its target."""

    header: str = Field(
        pattern=HEADER,
        max_length=256,
        description="Header of the request whose value names the client. It is hashed, and neither recorded nor sent "
        "on. Requests without it go to any target.",
        examples=["x-session-id"],
    )


class Routing(Section):
    """In which order a request tries the targets of its model.

    A strategy orders the targets of the lowest `priority`, then those of the next one, then the fallback group's.
    Targets whose circuit breaker is open, that have asked to be left alone (a throttle's `retry-after`) or that have no
    running copy come last, but are never given up.
    """

    strategy: Annotated[str, OneOf((*STRATEGIES, *ALIASES))] = Field(
        default="ordered",
        description="`ordered`: the file's order. `round_robin`: each in turn first. `weighted`: first as often as its "
        "`weight` says. `random`. `lowest_latency`: by time to the first byte. `highest_throughput`: by tokens a "
        "second. `least_in_flight`: fewest open exchanges. `cost`: by `pricing`, for the request's length. `sticky`: "
        "the same client (`sticky.header`, else the request's `user`) at the same target. Also understood: "
        + ", ".join(f"`{alias}` ({name})" for alias, name in ALIASES.items())
        + ".",
        examples=["lowest_latency"],
    )
    window_seconds: float = Field(
        default=60,
        gt=0,
        le=86400,
        description="Seconds in which an observation loses weight to 1/e. What was not measured for so long is "
        "measured again, by one request at a time.",
    )
    min_sample_count: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="Answers within about a window that a mean must rest on before a target is ranked by it.",
    )
    sticky: Sticky | None = Field(
        default=None, description="What keeps a client at its target, with `strategy: sticky`. Default: `user`."
    )


class Fallback(Section):
    """When a request goes on to the next target, and how often."""

    enabled: bool = Field(default=True, description="`false`: every request has one target.")
    triggers: list[Annotated[str, OneOf(TRIGGERS)]] = Field(
        default=["rate_limit", "server_error", "timeout"],
        min_length=1,
        max_length=len(TRIGGERS),
        description="Failures that a request goes on from. `rate_limit` (`rate_limit_exceeded`): throttled, or the "
        "container's queue is full. `server_error` (`service_unavailable`, `5xx`): broken, unreachable, scaled to zero "
        "or wrongly set up. `timeout`: no answer in time. A refused signature is made anew whatever this says.",
        examples=[["rate_limit", "timeout"]],
    )
    max_fallback_attempts: int | None = Field(
        default=None,
        ge=0,
        le=499,
        description="Most further targets after the first. Default: all of the model's.",
        examples=[3],
    )


class CircuitBreaker(Section):
    """Leaves a target alone that fails again and again: closed, open, half-open."""

    enabled: bool = Field(
        default=True, description="`false`: neither failures nor throttles make a target the last choice."
    )
    failure_threshold: int = Field(
        default=5, ge=1, le=10_000, description="Failures one after the other, over all workers, that open it."
    )
    cooldown_seconds: float = Field(
        default=30, gt=0, le=86400, description="Seconds it stays open before requests probe the target."
    )
    recovery_timeout: float | None = Field(
        default=None, gt=0, le=86400, description="Another name of `cooldown_seconds`.", examples=[30]
    )
    half_open_probes: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="Requests that probe a half-open target, and successes that close it. A failure opens it again.",
    )


class ModelGroup(Section):
    """A name that clients may send as `model`, for targets of any model."""

    name: GroupName = Field(
        description="The group's name, listed at /v1/models. It goes before a target's alias or endpoint of that name.",
        examples=["assistant"],
    )
    targets: list[str] = Field(
        min_length=1, max_length=500, description="Ids of the targets that serve it.", examples=[["llama-us-east-1"]]
    )
    aliases: list[GroupName] = Field(default=[], max_length=100, description="Further names of the group.")
    fallback_group: str | None = Field(
        default=None, description="Group whose targets are tried after these.", examples=["assistant-small"]
    )
