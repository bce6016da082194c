"""How long `kt` takes until it is of use: its help, and a gateway's first answer."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import time
from typing import TYPE_CHECKING, Any

from processes import NotStarted, environment, free_port, kt
from variants import run_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from processes import Processes

PATIENCE_SECONDS = 60.0


def help_seconds(times: int) -> list[float]:
    """Wall time of each `kt --help`, after one that is not counted."""
    found = []
    for _ in range(times + 1):
        begin = time.perf_counter()
        subprocess.run(kt("--help"), check=True, stdout=subprocess.DEVNULL, env=environment())
        found.append(time.perf_counter() - begin)
    return found[1:]


def ready_seconds(
    running: Processes, folder: Path, config: Mapping[str, Any], *, upstream: int, body: bytes, options: Sequence[str]
) -> float:
    """From the start of `kt gateway run` to its first 200 for a chat call, which has been to the upstream and back.

    Raises:
        NotStarted: there was none.
    """
    name, port = folder.name, free_port()
    command = [*run_command(folder, config, upstream, port), *options]
    begin = time.perf_counter()
    running.start(name, command, environment())
    while status(port, body) != 200:
        if time.perf_counter() - begin > PATIENCE_SECONDS:
            raise NotStarted(f"{name} gave no 200 in {PATIENCE_SECONDS:.0f} s.\n{running.tail(name)}")
        time.sleep(0.01)
    taken = time.perf_counter() - begin
    running.stop(name)
    return taken


def status(port: int, body: bytes) -> int | None:
    """The status of one call on a connection of its own, or None when there was no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        return connection.getresponse().status
    return None
