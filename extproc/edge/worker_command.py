"""How a gateway starts its workers, and what of its run directory they are given."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.edge.gateway_settings import GatewaySettings

# In the run directory: the workers' observations, what they have counted, and a file that is there while the audit
# trail does not work as a whole.
OBSERVATIONS = "observations"
METRICS = "metrics"
AUDIT_DOWN = "audit.down"


def worker_command(
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
        *("--ticket-key", str(directory / "ticket.key")),
        *("--observations", str(directory / OBSERVATIONS)),
        *("--counts", str(directory / METRICS)),
        *("--supervisor", supervisor),
        *("--audit-down", str(directory / AUDIT_DOWN)),
        *("--parent", str(os.getpid())),
    ]
