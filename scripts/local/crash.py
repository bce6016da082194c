"""Kill parts of a gateway under load, and after each kill hold its audit trail against what clients have got.

What a client has had to its last byte must be on the trail, under a seal, as served; and the trail must verify, since
nobody has touched it. A worker is replaced by its supervisor; a supervisor that is killed, alone or with all that is
below it, is started again on the same trail.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from processes import NotStarted, Processes, environment, free_port, kt, processes
from usage import children, is_envoy

from extproc.audit.verify import verify
from extproc.edge.trail.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Sequence

REGION, MODEL, KEY = "us-east-1", "m", "AUDIT_SIGNING_KEY"
WORKER, SUPERVISOR, EVERYTHING = "worker", "supervisor", "everything"
# Of ten kills; the last two cost a restart each.
MIX = (WORKER,) * 7 + (SUPERVISOR,) + (EVERYTHING,) * 2
CLIENTS = 12
# A trail is begun anew after so many kills: it is read whole after each.
KILLS_PER_TRAIL = 25


@dataclass
class Outcome:
    """What came of it. `kills` by kind; `unrecorded` are ids of served answers without a record, `alarms` findings."""

    kills: Counter[str] = field(default_factory=Counter)
    served: int = 0
    unrecorded: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def text(self) -> str:
        """For people."""
        kills = ", ".join(f"{count} of {kind}" for kind, count in sorted(self.kills.items()))
        notes = ", ".join(f"{count} {code}" for code, count in sorted(self.notes.items()))
        return (
            f"{sum(self.kills.values())} kills ({kills}), each followed by a verification\n"
            f"{self.served} answers served, {len(self.unrecorded)} of them without a record\n"
            f"{len(self.alarms)} false alarms\nnotes: {notes}"
        )


class Stage:
    """One gateway, again and again, and one trail."""

    def __init__(self, running: Processes, directory: Path, upstream: int, private: Ed25519PrivateKey) -> None:
        self._running = running
        self._directory = directory
        self._name = f"gateway-{directory.name}"
        self._environ = {**environment(), KEY: private.private_bytes_raw().hex()}
        self._keys = [private.public_key().public_bytes_raw()]
        self._process: int | None = None
        self.port = free_port()
        directory.mkdir()
        config = {
            "pack": {"name": "crash", "version": "1.0.0", "enabled": True},
            "providers": {
                "targets": [
                    {
                        "id": "east",
                        "provider": f"sagemaker:chat:{MODEL}",
                        "base_url": f"http://127.0.0.1:{upstream}",
                        "aws_region": REGION,
                    }
                ]
            },
            "policies": {"chain": ["audit-logger"]},
            "policy": {
                "audit-logger": {"signing_key": {"env": KEY}, "checkpoint_seconds": 0.2, "segment_bytes": 262_144}
            },
        }
        (directory / "policy-config.yaml").write_text(yaml.safe_dump(config))

    def start(self) -> None:
        """Run it until it serves."""
        command = kt("gateway", "run", "--listen", f"127.0.0.1:{self.port}", "--workers", "2", "--drain-seconds", "5")
        command += ["--policy-config", self._directory / "policy-config.yaml"]
        self._process = self._running.start(self._name, command, self._environ).pid
        self._running.wait_http(self._name, f"http://127.0.0.1:{self.port}/readyz")

    def stop(self) -> None:
        """End it in order."""
        self._running.stop(self._name, 60)
        self._process = None

    def kill(self, kind: str, dice: random.Random) -> None:
        """SIGKILL, without a word."""
        if self._process is None:
            raise NotStarted("there is nothing to kill")
        below = children(self._process)
        workers = [pid for pid in below if not is_envoy(pid)]
        if kind == WORKER:
            _kill([dice.choice(workers)] if workers else [])
            return
        _kill([self._process] if kind == SUPERVISOR else [self._process, *below])
        self._running.kill(self._name)
        # What a supervisor leaves behind ends by itself, but not in no time.
        _kill([pid for pid in below if is_envoy(pid)])
        end = time.monotonic() + 30
        while any(_alive(pid) for pid in below) and time.monotonic() < end:
            time.sleep(0.02)
        self.start()

    def verify(self, served: Sequence[str], outcome: Outcome, *, closed: bool = False) -> None:
        """Hold the trail against what was served."""
        audit = self._directory / "audit"
        report = verify(Listing(audit).sources, self._keys, closed=closed)
        outcome.alarms += [f"{finding.place}: {finding.text}" for finding in report.findings]
        outcome.notes.update({note.code for note in report.notes})
        recorded = {
            line.get("request_id")
            for path in audit.glob("*.jsonl")
            for line in _sealed(path.read_bytes())
            if line.get("outcome") == "served"
        }
        outcome.unrecorded += [request_id for request_id in served if request_id not in recorded]


def _sealed(data: bytes) -> list[dict[str, object]]:
    lines = data.split(b"\n")
    last = max((at for at, line in enumerate(lines) if b'"event":"seal"' in line and line.endswith(b"}")), default=-1)
    return [json.loads(line) for line in lines[: last + 1]]


async def load(stage: Stage, served: list[str], ending: asyncio.Event) -> None:
    """Clients that go on asking, whatever they get; `served` takes the ids of complete answers."""

    async def one(number: int) -> None:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Are you there?"}], "stream": number % 2 == 0}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{stage.port}", timeout=30, trust_env=False) as client:
            while not ending.is_set():
                with contextlib.suppress(httpx.HTTPError):
                    answer = await client.post("/v1/chat/completions", json=body)
                    whole = answer.status_code == 200 and (not body["stream"] or answer.text.endswith("[DONE]\n\n"))
                    if whole:
                        served.append(answer.headers["x-request-id"])
                await asyncio.sleep(0.01)

    await asyncio.gather(*(one(number) for number in range(CLIENTS)))


async def play(stage: Stage, kills: int, dice: random.Random, mix: Sequence[str], outcome: Outcome) -> None:
    """Some kills on one trail, each at a random moment under load, and an end in order."""
    served: list[str] = []
    ending = asyncio.Event()
    await asyncio.to_thread(stage.start)
    loading = asyncio.create_task(load(stage, served, ending))
    try:
        for number in range(kills):
            await asyncio.sleep(dice.uniform(0.05, 0.6))
            kind = mix[number % len(mix)]
            await asyncio.to_thread(stage.kill, kind, dice)
            outcome.kills[kind] += 1
            await asyncio.to_thread(stage.verify, list(served), outcome)
    finally:
        ending.set()
        await loading
    await asyncio.to_thread(stage.stop)
    await asyncio.to_thread(stage.verify, served, outcome, closed=True)
    outcome.served += len(served)


def crash(directory: Path, kills: int, seed: int, mix: Sequence[str] = MIX) -> Outcome:
    """Kill `kills` times; the seed says whom and when.

    Raises:
        NotStarted: a gateway did not come up.
    """
    outcome, dice = Outcome(), random.Random(seed)  # noqa: S311 - dice, not keys
    with processes(directory) as running:
        upstream = free_port()
        running.start(
            "sagemaker",
            kt("sagemaker", "emulate", "--listen", f"127.0.0.1:{upstream}", "--region", REGION),
            environment(),
        )
        running.wait_http("sagemaker", f"http://127.0.0.1:{upstream}/emulator/health")
        for number, begun in enumerate(range(0, kills, KILLS_PER_TRAIL)):
            stage = Stage(running, directory / str(number), upstream, Ed25519PrivateKey.generate())
            asyncio.run(play(stage, min(KILLS_PER_TRAIL, kills - begun), dice, mix, outcome))
            print(f"{sum(outcome.kills.values())} of {kills} kills", file=sys.stderr, flush=True)
    return outcome


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def main() -> int:
    """Kill, verify, tell; returns 1 when a record was missing or a trail did not verify."""
    parser = argparse.ArgumentParser(prog="scripts/crash", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300, metavar="N", help="in all (default 300)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="whom and when (default 1)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kt-crash-") as name:
        try:
            outcome = crash(Path(name), given.kills, given.seed)
        except NotStarted as error:
            print(error, file=sys.stderr)
            return 1
    print(outcome.text())
    for wrong in (outcome.unrecorded + outcome.alarms)[:20]:
        print(f"  {wrong}")
    return 1 if outcome.unrecorded or outcome.alarms else 0


if __name__ == "__main__":
    sys.exit(main())
