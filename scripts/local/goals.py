"""scripts/bench --goals: every figure that the project aims at, measured in one run.

Bare Envoy and the gateways stand at the same time and are loaded in turns; what is "added" is the difference to bare
Envoy, so that a machine which others use too slows both alike. Streams at a model's pace also go straight to the
emulator: what they take there is the emulator's and the load generator's own.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import goals_lines
import goals_report
import peers
import startup
from goals_lines import Opened, Pace
from report import percentile
from turns import measure, take_turns, warm_up
from usage import held
from variants import CONVERSATIONS, ENTERPRISE, KINDS, NO_POLICIES, STREAMS, Variant, bare, call, emulator, gateway

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from processes import Processes

CONFIGS = {"no policies": NO_POLICIES, "enterprise.yaml": ENTERPRISE}
HELP_TIMES, READY_TIMES = 5, 3
LATENCY_ROUNDS = 6
# Streams at a model's pace begin over the time that one of them takes, and end over it again: so in fewer rounds.
PACED_ROUNDS, PACED_STREAMS = 2, 200
OPEN_STREAMS, OPEN_RAMP_SECONDS = 1000, 4.0


@dataclass
class Stage:
    """What is measured: the emulator asked straight, bare Envoy, ours by configuration and workers, and peers."""

    straight: Variant
    bare: Variant
    ours: dict[tuple[str, int], Variant]
    peers: list[Variant]
    workers: int

    @property
    def single(self) -> Variant:
        """The enterprise chain with one worker."""
        return self.ours["enterprise.yaml", 1]

    @property
    def full(self) -> Variant:
        """The enterprise chain with as many workers as a gateway has."""
        return self.ours["enterprise.yaml", self.workers]


def measured(
    running: Processes, directory: Path, given: argparse.Namespace, homes: peers.Homes | None
) -> goals_report.Measured:
    """Start everything, measure every goal, and say what was found.

    Raises:
        NotStarted: something did not get ready.
    """
    port, pid = emulator(running)
    sizes = {"prompt_bytes": given.prompt_bytes, "answer_tokens": given.answer_tokens}
    calls = {kind: call(kind, **sizes) for kind in ("unary", *STREAMS, *CONVERSATIONS)}
    options = ["--transport", given.transport[0]] if given.transport else []
    workers = given.workers or peers.cores()
    # First, while nothing else stands that would slow it.
    helped = startup.help_seconds(HELP_TIMES)
    chosen = ["--workers", str(workers), *options]
    ready = [
        startup.ready_seconds(
            running, directory / f"ready-{turn}", ENTERPRISE, upstream=port, body=calls["unary"], options=chosen
        )
        for turn in range(READY_TIMES)
    ]
    base = bare(running, directory, port, calls)
    stage = Stage(Variant("straight", port, {}, base.request), base, {}, [], workers)
    for name, config in CONFIGS.items():
        for count in sorted({1, workers}):
            label = f"{name}, {goals_lines.counted(count)}"
            chosen = ["--workers", str(count), *options]
            stage.ours[name, count], _ = gateway(
                running, directory, label, config, upstream=port, calls=calls, options=chosen
            )
    idle = largest(stage.single)
    if homes:
        stage.peers = peers.start(running, directory, homes, upstream=port, workers=given.workers, sizes=sizes)
    for variant in (stage.straight, stage.bare, *stage.ours.values(), *stage.peers):
        variant.parts["upstream"] = [pid]
    found = loaded(stage, given, idle)
    found.lines += goals_lines.starting(helped, ready)
    return found


def loaded(stage: Stage, given: argparse.Namespace, idle: tuple[float, float]) -> goals_report.Measured:
    """Measure what takes load; `idle` is what a worker held before any."""
    ours = {name: variant.figures for name, variant in stage.ours.items()}
    all_of_them = [stage.bare, *stage.ours.values(), *stage.peers]
    warm_up([stage.bare, *stage.ours.values()], KINDS, given.connections)
    warm_up(stage.peers, ["unary"], given.connections)
    take_turns(all_of_them, "unary", given.connections, given.seconds)
    enterprise = [variant for (name, _), variant in stage.ours.items() if name == "enterprise.yaml"]
    take_turns(enterprise, "stream", given.connections, given.seconds)
    for kind in CONVERSATIONS:
        take_turns([stage.single], kind, given.connections, given.seconds)
    middles = latencies(
        [stage.straight, stage.bare, stage.ours["no policies", stage.workers], stage.full], given.seconds
    )
    paces = paced([stage.straight, stage.bare, stage.full], given.seconds)
    opened = with_open_streams(stage.single)
    lines = [
        *goals_lines.costs(ours, PACED_STREAMS),
        *goals_lines.throughput(
            stage.full.figures, {each.name: each.figures for each in (*stage.peers, stage.bare)}, given.connections
        ),
        goals_lines.latency(middles[stage.bare.name], middles[stage.full.name]),
        *goals_lines.pace(paces[stage.bare.name], paces[stage.full.name], PACED_STREAMS),
        *goals_lines.memory(idle, opened),
    ]
    figures = {variant.name: variant.figures for variant in (stage.straight, *all_of_them)}
    return goals_report.Measured(lines, figures, paces)


def latencies(variants: list[Variant], seconds: float) -> dict[str, list[float]]:
    """Whole answers one after the other on one connection: each variant's median in ms, round by round."""
    middles: dict[str, list[float]] = {variant.name: [] for variant in variants}
    for _ in range(LATENCY_ROUNDS):
        for variant in variants:
            outcome = measure(variant, "unary", 1, seconds / LATENCY_ROUNDS, under=goals_report.ALONE)
            middles[variant.name].append(percentile(outcome["whole"], 50))
    return middles


def paced(variants: list[Variant], seconds: float) -> dict[str, Pace]:
    """Streams at a model's pace: when their text came, by variant."""
    ramp = STREAMS["paced"]["tokens"] * STREAMS["paced"]["delay_ms"] / 1000
    paces = {variant.name: Pace() for variant in variants}
    for _ in range(PACED_ROUNDS):
        for variant in variants:
            outcome = measure(variant, "paced", PACED_STREAMS, seconds / PACED_ROUNDS, ramp=ramp, texts=True)
            paces[variant.name].add(outcome)
    return paces


def largest(variant: Variant) -> tuple[float, float]:
    """Resident memory and PSS of its largest worker, in MB."""
    return max(held(pid) for pid in variant.parts["workers"])


def with_open_streams(variant: Variant) -> Opened:
    """What its largest worker holds while so many streams begin and are open, at most."""
    before = most = largest(variant)
    with ThreadPoolExecutor(1) as pool:
        # Every connection asks once: the deadline has passed when its answer ends.
        load = pool.submit(measure, variant, "open", OPEN_STREAMS, 0.5, ramp=OPEN_RAMP_SECONDS)
        while not load.done():
            most = max(most, largest(variant))
            time.sleep(0.2)
    outcome = load.result()
    # None ends before the last one has begun to answer.
    began = OPEN_RAMP_SECONDS * 1000 + max(outcome["first_byte"], default=0.0)
    together = [time for time in outcome["whole"] if time > began]
    return Opened(most, before, OPEN_STREAMS, len(together))
