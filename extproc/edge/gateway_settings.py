"""What the command line says of a gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.render.settings import Address


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
