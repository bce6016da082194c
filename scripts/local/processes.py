"""Start what a gateway on this machine needs, know when it is ready, and leave nothing running."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]

# The key pair of AWS's own documentation, which docker-compose.yml gives to both sides too: valid nowhere else.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}


class NotStarted(Exception):
    """A process ended, or did not get ready in time; the message ends with what it said last."""


class Processes:
    """The children of one demonstration or measurement, stopped in the opposite order of their start."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        # By name. Each step on it is one that threads cannot divide: several may start and end children of theirs.
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str | Path], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a child whose output goes to a log; in a process group of its own, so that Ctrl-C reaches only us."""
        with (self._logs / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(environ), process_group=0
            )
        self._running[name] = child
        return child

    def wait_http(self, name: str, url: str, seconds: float = 60.0, *, any_status: bool = False) -> None:
        """Return once `url` answers 2xx, or anything with `any_status`.

        Raises:
            NotStarted: it did not, or the child of that name ended.
        """
        child = self._running[name]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if child.poll() is not None:
                raise NotStarted(f"{name} ended with status {child.returncode}.\n{self.tail(name)}")
            status = http_status(url)
            if status and (any_status or 200 <= status < 300):
                return
            time.sleep(0.05)
        raise NotStarted(f"{name} was not ready after {seconds:.0f} s.\n{self.tail(name)}")

    def tail(self, name: str, lines: int = 15) -> str:
        """The last lines that a child wrote."""
        text = (self._logs / f"{name}.log").read_text(errors="replace")
        return "\n".join(f"  {name}: {line}" for line in text.splitlines()[-lines:])

    def stop(self, name: str, seconds: float = 15.0) -> None:
        """End one child: asked first, killed if it does not listen."""
        child = self._running.pop(name)
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def kill(self, name: str) -> None:
        """End one child without a word: what dies does not say so."""
        child = self._running[name]
        child.kill()
        self.stop(name)

    def stop_all(self) -> None:
        """End every child, the last started first."""
        for name in reversed(list(self._running)):
            self.stop(name)


@contextlib.contextmanager
def processes(logs: Path) -> Iterator[Processes]:
    """Children that end with this context, also on Ctrl-C and SIGTERM."""

    def ended(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, ended)
    children = Processes(logs)
    try:
        yield children
    finally:
        children.stop_all()
        signal.signal(signal.SIGTERM, before)


def kt(*arguments: str | Path) -> list[str | Path]:
    """The command line of one `kt` command, run by this interpreter."""
    return [sys.executable, "-m", "extproc", *arguments]


def environment() -> dict[str, str]:
    """This process's environment with the emulated credentials and nothing else of AWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # The package must be found from any working directory; nothing here may go through a proxy.
    return kept | CREDENTIALS | {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(ROOT), "NO_PROXY": "*"}


def http_status(url: str) -> int | None:
    """The status of a GET, or None when nobody answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status
    return None


def free_port(wanted: int | None = None) -> int:
    """`wanted` if nobody listens on it, else any free port of the loopback interface."""
    for port in (wanted, 0) if wanted else (0,):
        with socket.socket() as probe, contextlib.suppress(OSError):
            # As servers do: a port whose last connections are still in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            number: int = probe.getsockname()[1]
            return number
    raise NotStarted("this machine gives no free port on 127.0.0.1")


def localized(configuration: str, ports: Mapping[str, int], audit: Path) -> str:
    """envoy/compose/policy-config.yaml with its hosts on this machine's ports and its audit trail in `audit`."""
    for host, port in ports.items():
        configuration = configuration.replace(f"http://{host}:8080", f"http://127.0.0.1:{port}")
    return re.sub(r"(?m)^(\s+path:) /var/lib/kt/audit$", rf"\1 {audit}", configuration)
