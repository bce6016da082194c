"""`providers.health_check` and `providers.targets[].health_check`: looking after a target that nobody asks."""

from __future__ import annotations

from pydantic import Field

from extproc.config.model.section import Section


class HealthCheck(Section):
    """Whether a target's host can be reached: Envoy connects to it and, where it is HTTPS, makes the TLS handshake.

    No request is sent and none is paid for: this finds a region that is gone, not a model that fails. What is found
    unhealthy gets no requests until it is healthy again; the circuit breaker and Envoy's ejection work without it.
    """

    interval_seconds: float = Field(default=10, ge=0.1, le=3600, description="Seconds between two checks.")
    timeout_seconds: float = Field(default=2, ge=0.1, le=60, description="Seconds allowed for one check.")
    unhealthy_threshold: int = Field(default=2, ge=1, le=100, description="Failures after which it is unhealthy.")
    healthy_threshold: int = Field(default=1, ge=1, le=100, description="Successes after which it is healthy again.")
