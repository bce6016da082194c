"""What scripts/chaos plays on: a gateway in front of two emulated regions, and the ways in which one of them breaks.

Every case has a model, targets, and so Envoy clusters of its own: what one case does to a region's health is not the
next one's. Regions are shared, but for a case that needs a process of its own to break.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from processes import environment, free_port, kt
from usage import children, is_envoy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from processes import Processes

    # A way to break a region, or what stands before it: broken on entry, sound again after it.
    Means = Callable[["Stage", str], AbstractContextManager[None]]

EAST, WEST = "us-east-1", "us-west-2"
# Of the case's region, and of the sound one; the model needs 0.4 s.
EAST_TARGET: dict[str, Any] = {"timeout_seconds": 5}
WEST_TARGET: dict[str, Any] = {"timeout_seconds": 5}
# Never resolves (RFC 6761, section 6.4).
NOWHERE = "emulated-region.invalid"


@dataclass
class Region:
    """One emulated region's process: `name` is the child's; `down`: it is not to be asked anything."""

    name: str
    region: str
    port: int
    options: tuple[str | Path, ...] = ()
    down: bool = False

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return bool(self.options)

    def ask(self, path: str, document: object = None) -> Any:
        """What the emulator answers at one of its own paths; posts `document` if there is one."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/emulator/{path}",
            data=None if document is None else json.dumps(document).encode(),
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own emulator
            return json.load(answer)


class Stage:
    """The regions and the gateway of some cases: `east` is the region that breaks, by case.

    Args:
        running: starts and ends the processes.
        directory: for their files.
        cases: name of each case → which own region it has: "" (none), "process", "tls" or "nowhere".
        workers: of the gateway; None is one per core.
    """

    def __init__(self, running: Processes, directory: Path, cases: dict[str, str], workers: int | None = None) -> None:
        self.running = running
        self.directory = directory
        self._offsets: defaultdict[Path, int] = defaultdict(int)
        self._lines: list[dict[str, Any]] = []
        self._reading = threading.Lock()
        self._certificates()
        self.west = self._start(Region("west", WEST, free_port()))
        shared = Region("east", EAST, free_port())
        self._start(shared)
        self.east = {case: self._own(case, own) if own else shared for case, own in cases.items()}
        self.port = free_port()
        self._gateway(cases, workers)

    def _own(self, case: str, own: str) -> Region:
        options = self.certificate("good") if own == "tls" else ()
        return self._start(Region(f"east-{case}", EAST, free_port(), options))

    def _start(self, region: Region) -> Region:
        self.start_region(region)
        return region

    def start_region(self, region: Region) -> None:
        """Start its process, and return when it listens."""
        command = kt("sagemaker", "emulate", "--listen", f"127.0.0.1:{region.port}", "--region", region.region)
        child = self.running.start(region.name, [*command, *region.options], environment())
        while child.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", region.port), timeout=1):
                region.down = False
                return
            time.sleep(0.05)
        raise RuntimeError(self.running.tail(region.name))

    def certificate(self, name: str) -> tuple[str | Path, ...]:
        """The emulator's options for the certificate that clients know ("good"), or for one that they do not."""
        return ("--tls-cert", self.directory / f"{name}.pem", "--tls-key", self.directory / f"{name}.key")

    def _certificates(self) -> None:
        for name in ("good", "unknown"):
            _, certificate, _, key = self.certificate(name)
            make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            make += ["-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost"]
            subprocess.run([*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)

    def _gateway(self, cases: dict[str, str], workers: int | None) -> None:
        targets = []
        for case, own in cases.items():
            region = self.east[case]
            host = {"tls": "localhost", "nowhere": NOWHERE}.get(own, "127.0.0.1")
            url = f"{'https' if region.secure else 'http'}://{host}:{region.port}"
            for name, place, more in (
                (f"{case}-east", {"aws_region": EAST, "base_url": url}, EAST_TARGET),
                (f"{case}-west", {"aws_region": WEST, "base_url": f"http://127.0.0.1:{self.west.port}"}, WEST_TARGET),
            ):
                endpoint = {"sagemaker_endpoint_name": f"model-of-{case}", "model": case}
                targets.append({"id": name, "provider": "sagemaker", **endpoint, **place, **more})
        config = {
            "pack": {"name": "chaos", "version": "1.0.0", "enabled": True},
            "providers": {"targets": targets},
            "policies": {"chain": ["audit-logger"]},
        }
        file = self.directory / "policy-config.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        command = kt("gateway", "run", "--listen", f"127.0.0.1:{self.port}", "--policy-config", file)
        command += ["--drain-seconds", "20", *(["--workers", str(workers)] if workers else [])]
        environ = environment() | {"AWS_CA_BUNDLE": str(self.certificate("good")[1])}
        self.gateway = self.running.start("gateway", command, environ)
        self.running.wait_http("gateway", f"http://127.0.0.1:{self.port}/readyz")

    def kill_region(self, region: Region) -> None:
        """End its process without a word."""
        region.down = True
        self.running.kill(region.name)

    def workers(self) -> list[int]:
        """The gateway's worker processes."""
        return [pid for pid in children(self.gateway.pid) if not is_envoy(pid)]

    def received(self, case: str) -> dict[str, int]:
        """How many requests each region has seen of a case, by the emulators' journals; 0 of one that cannot tell."""
        counts = {}
        for name, region in (("east", self.east[case]), ("west", self.west)):
            counts[name] = 0
            if not (region.secure or region.down):
                counts[name] = region.ask("counts")["counts"].get(f"model-of-{case}", 0)
        return counts

    def audited(self) -> list[dict[str, Any]]:
        """Every line of the audit trail so far."""
        with self._reading:
            for file in (self.directory / "audit").glob("*.jsonl"):
                with file.open("rb") as trail:
                    trail.seek(self._offsets[file])
                    # The last line may be in the middle of being written.
                    whole, end, _ = trail.read().rpartition(b"\n")
                self._offsets[file] += len(whole + end)
                self._lines += [json.loads(line) for line in whole.splitlines()]
            return self._lines.copy()


def fault(*kinds: str | tuple[str, int]) -> Means:
    """The endpoint has these faults, one after the other: each for good, or for so many requests."""

    @contextlib.contextmanager
    def means(stage: Stage, case: str) -> Iterator[None]:
        for kind in kinds:
            name, times = (kind, None) if isinstance(kind, str) else kind
            _set_fault(stage, case, name, times)
        yield
        _set_fault(stage, case, None)

    return means


def flapping(kind: str, seconds: float) -> Means:
    """The endpoint has the fault for so long, then not for so long, and so on."""

    @contextlib.contextmanager
    def means(stage: Stage, case: str) -> Iterator[None]:
        stop = threading.Event()

        def flap() -> None:
            broken = False
            while not stop.is_set():
                broken = not broken
                _set_fault(stage, case, kind if broken else None)
                stop.wait(seconds)
            _set_fault(stage, case, None)

        thread = threading.Thread(target=flap)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    return means


def _set_fault(stage: Stage, case: str, kind: str | None, times: int | None = None) -> None:
    stage.east[case].ask("faults", {"endpoint": f"model-of-{case}", "kind": kind, "times": times})


@contextlib.contextmanager
def dead(stage: Stage, case: str) -> Iterator[None]:
    """Nobody listens: the region's process is killed, and started again."""
    region = stage.east[case]
    stage.kill_region(region)
    yield
    stage.start_region(region)


@contextlib.contextmanager
def black_hole(stage: Stage, case: str) -> Iterator[None]:
    """Connections are not even refused: nothing answers a SYN, for the queue of a socket that nobody serves is full."""
    region = stage.east[case]
    stage.kill_region(region)
    with contextlib.ExitStack() as held:
        hole = held.enter_context(socket.socket())
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind(("127.0.0.1", region.port))
        hole.listen(0)
        for _ in range(4):
            filling = held.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(("127.0.0.1", region.port))
        yield
    stage.start_region(region)


@contextlib.contextmanager
def unknown_certificate(stage: Stage, case: str) -> Iterator[None]:
    """TLS fails: the region comes back with a certificate that nobody has signed, and then with its own."""
    region = stage.east[case]
    for name in ("unknown", "good"):
        stage.kill_region(region)
        region.options = stage.certificate(name)
        stage.start_region(region)
        if name == "unknown":
            yield


@contextlib.contextmanager
def killed_worker(stage: Stage, _: str) -> Iterator[None]:
    """One of the gateway's workers is killed; nothing is done for it."""
    worker = stage.workers()[0]
    os.kill(worker, signal.SIGKILL)
    # The kernel takes milliseconds, in which it is still given exchanges.
    while worker in stage.workers():
        time.sleep(0.002)
    yield


@contextlib.contextmanager
def reloaded(stage: Stage, _: str) -> Iterator[None]:
    """The gateway is told to reload."""
    stage.gateway.send_signal(signal.SIGHUP)
    yield


@contextlib.contextmanager
def drained(stage: Stage, _: str) -> Iterator[None]:
    """The gateway is told to end; it is gone afterwards."""
    stage.gateway.send_signal(signal.SIGTERM)
    yield
    stage.gateway.wait(60)


@contextlib.contextmanager
def calm(_: Stage, __: str) -> Iterator[None]:
    """Nothing happens."""
    yield
