"""What the command line says of a gateway, and the command lines of its workers."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.render.settings import Address
    from extproc.render.tracing import Collector

# In the run directory: the workers' observations, what they have counted, and a file that is there while the audit
# trail does not work as a whole.
OBSERVATIONS = "observations"
METRICS = "metrics"
AUDIT_DOWN = "audit.down"


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`workers` and `drain_seconds` are a count and seconds; no `admin`: no admin API."""

    listen: Address
    policy_config: Path
    envoy: Path
    workers: int
    fail_open: bool = False
    drain_seconds: float = 600.0
    admin: Address | None = None
    transport: str = "h2"
    collector: Collector | None = None


def of_worker(
    settings: GatewaySettings, directory: Path, copy: Path, address: str, writer: str, *, supervisor: str
) -> list[str]:
    """The command of one worker; `copy` is the configuration that was accepted, `supervisor` an audit chain's name."""
    return [
        *(sys.executable, "-m", "extproc", "extproc", "serve"),
        *("--policy-config", str(settings.policy_config)),
        *("--copy", str(copy)),
        *("--listen", address),
        *("--fail-mode", "allow" if settings.fail_open else "block"),
        *("--writer", writer),
        *("--drain-seconds", str(settings.drain_seconds)),
        *("--transport", settings.transport),
        *(() if settings.collector is None else ("--spans",)),
        *("--ticket-key", str(directory / "ticket.key")),
        *("--observations", str(directory / OBSERVATIONS)),
        *("--counts", str(directory / METRICS)),
        *("--supervisor", supervisor),
        *("--audit-down", str(directory / AUDIT_DOWN)),
        *("--parent", str(os.getpid())),
    ]
