"""What a gateway's admin listener tells and does: health, configuration, reload, targets, metrics."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from extproc.edge.envoy_admin import AdminUnreachable
from extproc.edge.listener import Answer, Page, error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.config.runtime import Runtime

HEALTH = "/health"
CONFIG = "/keeptrusts/config"
RELOAD = "/keeptrusts/config/reload"
PROVIDERS = "/keeptrusts/providers/metrics"
METRICS = "/metrics"
# As Envoy calls it; of its own admin endpoint nothing else is to be had.
ENVOY_METRICS = "/stats/prometheus"


class Supervisor(Protocol):
    """What the listener tells of."""

    @property
    def runtime(self) -> Runtime:
        """The configuration in use."""

    async def health(self) -> tuple[str, dict[str, object]]:
        """healthy, degraded or unhealthy, and the whole report."""

    def providers(self) -> dict[str, object]:
        """What is known of the targets."""

    def metrics(self) -> bytes:
        """What all processes have counted, in the Prometheus text format."""

    async def reload(self, why: str) -> str:
        """Load the file anew; "" or what is wrong with it."""

    async def envoy_metrics(self) -> bytes:
        """What Envoy has counted, in the same format. Raises AdminUnreachable."""


def pages(supervisor: Supervisor) -> Mapping[str, Page]:
    """What is where."""

    async def health() -> Answer:
        state, report = await supervisor.health()
        return HTTPStatus.SERVICE_UNAVAILABLE if state == "unhealthy" else HTTPStatus.OK, report

    async def metrics() -> Answer:
        return HTTPStatus.OK, await asyncio.to_thread(supervisor.metrics)

    async def envoy_metrics() -> Answer:
        try:
            return HTTPStatus.OK, await supervisor.envoy_metrics()
        except AdminUnreachable:
            return error(HTTPStatus.SERVICE_UNAVAILABLE, "Envoy does not answer.")

    async def config() -> Answer:
        return HTTPStatus.OK, configuration(supervisor.runtime)

    async def reload() -> Answer:
        if refusal := await supervisor.reload("the admin listener was asked"):
            return error(HTTPStatus.UNPROCESSABLE_ENTITY, refusal)
        return HTTPStatus.OK, {"status": "reloaded", **configuration(supervisor.runtime)}

    async def providers() -> Answer:
        return HTTPStatus.OK, supervisor.providers()

    return {
        HEALTH: Page(b"GET", health),
        METRICS: Page(b"GET", metrics),
        ENVOY_METRICS: Page(b"GET", envoy_metrics),
        CONFIG: Page(b"GET", config),
        RELOAD: Page(b"POST", reload),
        PROVIDERS: Page(b"GET", providers),
    }


def configuration(runtime: Runtime) -> dict[str, object]:
    """What may be told of a configuration: neither identities nor anything that could hold a secret."""
    return {
        "pack": {"name": runtime.pack.name, "version": runtime.pack.version, "enabled": runtime.pack.enabled},
        "hash": runtime.config_hash,
        "fail_mode": "allow" if runtime.fail_open else "block",
        "policies": {"chain": list(runtime.chain.order)},
        "providers": {
            "targets": [
                {
                    "id": target.id,
                    "models": list(target.models),
                    "endpoint": target.endpoint,
                    "region": target.region,
                    "kind": target.kind,
                    "format": target.format,
                    "authority": target.authority,
                    "timeout_seconds": target.timeout_seconds,
                    "first_byte_timeout_seconds": target.first_byte_timeout_seconds,
                    "max_context_tokens": target.max_context_tokens,
                }
                for target in runtime.targets
            ]
        },
    }
