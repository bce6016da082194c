"""Load in turns: what scripts/bench measures stands side by side and is loaded a few seconds at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report import Figures
from usage import NOTHING, Usage, usage
from variants import STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from variants import Variant


def take_turns(variants: Sequence[Variant], kind: str, connections: int, seconds: float) -> None:
    """Measure all variants under one kind of load for so many seconds each, in rounds."""
    rounds = 3 if seconds >= 3 else 1
    for _ in range(rounds):
        for variant in variants:
            measure(variant, kind, connections, seconds / rounds)


def warm_up(variants: Sequence[Variant], kinds: Sequence[str], connections: int) -> None:
    """Connections, code paths, the workers' memory."""
    for variant in variants:
        for kind in kinds:
            measure(variant, kind, connections, 0.5)
            variant.figures[kind] = Figures()


def measure(
    variant: Variant,
    kind: str,
    connections: int,
    seconds: float,
    *,
    ramp: float = 0.0,
    texts: bool = False,
    under: str = "",
) -> dict[str, Any]:
    """One turn of load, whose options are load.py's; returns what that printed.

    Added to the variant's figures of this kind, or `under` another name; what the load itself took is among them where
    the upstream's is.
    """
    request = variant.request(kind)
    before = spent(variant.parts)
    command: list[str | Path] = [sys.executable, Path(__file__).with_name("load.py"), "--port", str(variant.port)]
    command += ["--request", request, "--connections", str(connections), "--seconds", str(seconds)]
    command += ["--ramp", str(ramp), *(["--texts"] if texts else [])]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=ramp + seconds + 120)
    outcome: dict[str, Any] = json.loads(ended.stdout)
    after = spent(variant.parts)
    costs = {part: Usage(after[part].cpu - before[part].cpu, after[part].memory) for part in after}
    if "upstream" in costs:
        costs["load"] = Usage(outcome["cpu"], outcome["memory"])
    tokens = STREAMS[kind]["tokens"] if kind in STREAMS else 0
    variant.figures[under or kind].add(outcome, tokens=tokens, spent=costs)
    return outcome


def spent(parts: Mapping[str, Sequence[int]]) -> dict[str, Usage]:
    """What each part's processes have taken so far."""
    return {part: sum((usage(pid) for pid in pids), NOTHING) for part, pids in parts.items()}
