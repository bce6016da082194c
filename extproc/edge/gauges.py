"""What a supervisor knows at the moment, as gauges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from extproc import __version__
from extproc.metrics.families import BUILD, CONFIG, IN_FLIGHT, STATE, STREAK, WORKERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.config.runtime import Runtime
    from extproc.metrics.tally import Tally


def configured(tally: Tally, runtime: Runtime) -> None:
    """What runs, and under which configuration."""
    tally.set(BUILD, 1, __version__)
    tally.set(CONFIG, 1, runtime.pack.name, runtime.pack.version, runtime.config_hash)


def look(tally: Tally, runtime: Runtime, report: Mapping[str, Any], *, running: int, wanted: int) -> None:
    """Put what is so now into a fresh tally; `report` is what is known of the targets (routing/report.py)."""
    configured(tally, runtime)
    tally.set(WORKERS, running, "running")
    tally.set(WORKERS, wanted, "configured")
    for target in report["targets"]:
        tally.set(IN_FLIGHT, target["in_flight"], target["id"])
        tally.set(STATE, 1, target["id"], target["state"])
        tally.set(STREAK, target["consecutive_failures"], target["id"])
