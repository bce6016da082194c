"""The short form of scripts/chaos: few clients, and regions that break at the same time, each for its own model."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts" / "local"))

import chaos
from chaos_cases import CASES

CLIENTS, CYCLE, SECONDS = 6, 0.5, 2.0


def watched(stage, case):
    """What a few clients saw of one case."""
    return chaos.run(stage, case, CLIENTS, CYCLE, SECONDS)


@pytest.fixture(scope="session")
def broken():
    """Case → what its clients saw. Regions break side by side; then, one after the other, parts of the gateway."""
    regions = [case for case in CASES if case.breaks != "gateway"]
    parts = [case for case in CASES if case.breaks == "gateway" and not case.ends]
    seen = {}
    with chaos.stage([*regions, *parts], workers=2) as stage:
        with ThreadPoolExecutor(len(regions)) as pool:
            seen.update(zip(regions, pool.map(lambda case: watched(stage, case), regions), strict=True))
        seen.update({case: watched(stage, case) for case in parts})
    for case in CASES:
        if case.ends:
            with chaos.stage([case], workers=2) as stage:
                seen[case] = watched(stage, case)
    return seen
