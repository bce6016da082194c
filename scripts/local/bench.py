"""scripts/bench: bare Envoy, the gateway without policies and with enterprise.yaml's, side by side in one run.

All of them stand at the same time and are loaded in turns of a few seconds, so that whatever else the machine does
falls on each alike. CPU is what the kernel accounts to the processes, so it holds even where the load generator or the
emulator is what limits the requests per second. --goals is goals.py's.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import goals
import goals_report
import peers
import peers_report
import profile_report
from machine import machine
from processes import NotStarted, Processes, processes
from report import as_json, as_text
from sampling import Sampled, sampled
from turns import measure, take_turns, warm_up
from variants import ENTERPRISE, KINDS, NO_POLICIES, STREAM_TOKENS, Variant, bare, call, emulator, gateway

if TYPE_CHECKING:
    from collections.abc import Sequence

# Where the goals are said, they are for 2 KiB each way: 328 of the emulator's words.
GOAL_PROMPT_BYTES, GOAL_ANSWER_TOKENS = 2048, 328

# The audit's levels of durability; the signing key is the session's own in all of them.
AUDIT: dict[str, dict[str, Any] | None] = {
    "no audit": None,
    "queued": {"immutable": False},
    "on disk": {"immutable": True},
    "on disk, one by one": {"immutable": True, "max_batch": 1},
}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--goals", action="store_true", help="what the project aims at, beside what is measured, in under 4 minutes"
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument(
        "--audit", action="store_true", help="without policies, one gateway for each level of the audit's durability"
    )
    modes.add_argument(
        "--peers", action="store_true", help="LiteLLM and Portkey's gateway too, installed into .peers the first time"
    )
    modes.add_argument("--profile", action="store_true", help="where the CPU time of one worker goes, by sampling it")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="with --peers or --goals: also draw them into SVG")
    parser.add_argument("--functions", type=int, default=0, metavar="N", help="with --profile: also the N costliest")
    parser.add_argument("--connections", type=int, default=16, metavar="N", help="at a time (default 16)")
    parser.add_argument("--seconds", type=float, default=6.0, metavar="S", help="of load for each figure (default 6)")
    parser.add_argument(
        "--prompt-bytes", type=int, metavar="N", help="of each request (default 1000; 2048 but for plain and --audit)"
    )
    parser.add_argument(
        "--answer-tokens",
        type=int,
        metavar="N",
        help="of each whole answer (default 32; 328 but for plain and --audit)",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="of each gateway (default: one per core)")
    parser.add_argument(
        "--transport", action="append", metavar="NAME", help="of the gateways' workers; twice: both, side by side"
    )
    asked = parser.parse_args(given)
    goal = asked.peers or asked.profile or asked.goals
    if asked.goals and (asked.audit or asked.profile):
        parser.error("--goals goes with no other mode but --peers")
    if goal and len(asked.transport or []) > 1:
        parser.error("--goals, --peers and --profile take one --transport")
    if asked.plot and not (asked.peers or asked.goals):
        parser.error("--plot goes with --peers or --goals")
    asked.prompt_bytes = asked.prompt_bytes or (GOAL_PROMPT_BYTES if goal else 1000)
    asked.answer_tokens = asked.answer_tokens or (GOAL_ANSWER_TOKENS if goal else 32)
    return asked


def main() -> int:
    """Measure and print; returns 1 when any answer was not a 200."""
    given = arguments()
    return towards_goals(given) if given.goals else side_by_side(given)


def towards_goals(given: argparse.Namespace) -> int:
    """Measure what the project aims at."""
    settings = {key: getattr(given, key) for key in ("connections", "seconds", "prompt_bytes", "answer_tokens")}
    try:
        homes = peers.installed(peers.CACHE) if given.peers else None
        with (
            tempfile.TemporaryDirectory(prefix="kt-bench-") as name,
            machine() as where,
            processes(Path(name)) as running,
        ):
            found = goals.measured(running, Path(name), given, homes)
    except (NotStarted, peers.NotInstalled) as error:
        print(error, file=sys.stderr)
        return 1
    print((goals_report.as_json if given.json else goals_report.as_text)(found, where, settings))
    if given.plot:
        given.plot.write_text(goals_report.as_svg(found, where), encoding="utf-8")
    return 1 if found.failed else 0


def side_by_side(given: argparse.Namespace) -> int:
    """Measure bare Envoy and gateways, or sample gateways."""
    settings = {"connections": given.connections, "seconds": given.seconds, "prompt_bytes": given.prompt_bytes,
                "answer_tokens": given.answer_tokens, "stream_tokens": STREAM_TOKENS}  # fmt: skip
    profiles: dict[tuple[str, str], Sampled] = {}
    with tempfile.TemporaryDirectory(prefix="kt-bench-") as name, processes(Path(name)) as running:
        try:
            homes = peers.installed(peers.CACHE) if given.peers else None
            variants = start(running, Path(name), given, homes)
            if given.profile:
                profiles = profiled(variants, Path(name), given)
            else:
                warm_up(variants, KINDS, given.connections)
                for kind in KINDS:
                    take_turns(variants, kind, given.connections, given.seconds)
        except (NotStarted, peers.NotInstalled) as error:
            print(error, file=sys.stderr)
            return 1
    results = {variant.name: variant.figures for variant in variants}
    if given.profile:
        text = profile_report.as_text(profiles, settings, given.functions)
        print(profile_report.as_json(profiles, settings) if given.json else text)
    elif given.peers:
        print((peers_report.as_json if given.json else peers_report.as_text)(results, settings))
        if given.plot:
            given.plot.write_text(peers_report.as_svg(results, settings), encoding="utf-8")
    else:
        print(as_json(results, settings) if given.json else as_text(results, settings))
    failed = sum(figures.failed for variant in variants for figures in variant.figures.values())
    return 1 if failed else 0


def start(running: Processes, directory: Path, given: argparse.Namespace, homes: peers.Homes | None) -> list[Variant]:
    """The emulator and what is to be measured in front of it, all ready; ratios are to the first."""
    port, _ = emulator(running)
    sizes = {"prompt_bytes": given.prompt_bytes, "answer_tokens": given.answer_tokens}
    calls = {kind: call(kind, **sizes) for kind in KINDS}
    configs = {"no policies": NO_POLICIES, "enterprise.yaml": ENTERPRISE}
    if given.audit:
        configs = {name: audited(settings) for name, settings in AUDIT.items()}
    # A sampled gateway has one worker: nothing else competes with it for what is sampled.
    workers = 1 if given.profile else given.workers
    gateways = [
        gateway(
            running,
            directory,
            f"{name}, {transport}" if transport and not (given.peers or given.profile) else name,
            config,
            upstream=port,
            calls=calls,
            options=[
                *(["--workers", str(workers)] if workers else []),
                *(["--transport", transport] if transport else []),
            ],
        )
        for name, config in configs.items()
        for transport in given.transport or [""]
    ]
    if given.audit or given.profile:
        return [variant for variant, _ in gateways]
    base = bare(running, directory, port, calls)
    if homes is None:
        return [base, *(variant for variant, _ in gateways)]
    ours = [base.in_one(), *(variant.in_one(supervisor) for variant, supervisor in gateways)]
    return [*ours, *peers.start(running, directory, homes, upstream=port, workers=given.workers, sizes=sizes)]


def audited(settings: dict[str, Any] | None) -> dict[str, Any]:
    """A configuration without policies but the audit's."""
    config = copy.deepcopy(NO_POLICIES)
    if settings is not None:
        config |= {"policies": {"chain": ["audit-logger"]}, "policy": {"audit-logger": settings}}
    return config


def profiled(variants: Sequence[Variant], directory: Path, given: argparse.Namespace) -> dict[tuple[str, str], Sampled]:
    """(variant, kind of load) → where the worker's CPU went meanwhile, each in one turn."""
    warm_up(variants, KINDS, given.connections)
    profiles = {}
    for kind in KINDS:
        for variant in variants:
            with sampled(variant.parts["workers"][0], directory / "samples") as found:
                measure(variant, kind, given.connections, given.seconds)
            figures = variant.figures[kind]
            found.units = figures.tokens if kind == "stream" else len(figures.whole)
            profiles[variant.name, kind] = found
    return profiles


if __name__ == "__main__":
    sys.exit(main())
