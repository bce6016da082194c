"""One load: connections that send prepared bytes again and again, only the marked letters changed, and what came back.

Runs as a process of its own, so that its work is not the measured programs'. HTTP/1.1 keep-alive only; of an answer it
understands where it ends, its status, and when the first byte of its body came; with --texts also when text came.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import secrets
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import uvloop
from reading import Reading
from texts import Noted, Texts
from varying import FIRST_BITS, Varying


@dataclass
class Outcome:
    """What one load measured. Times in milliseconds, one per answer of status 200; `statuses` counts all.

    `cpu` and `memory` are the generator's own: µs, and MiB at most. With --texts there are the times of `texts.Noted`.
    """

    seconds: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    broken: int = 0
    whole: list[float] = field(default_factory=list)
    first_byte: list[float] = field(default_factory=list)
    cpu: float = 0.0
    memory: float = 0.0
    first_event: list[float] = field(default_factory=list)
    first_text: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """One keep-alive connection: asks, reads to the end of the answer, asks again until the deadline."""

    def __init__(self, request: Varying, deadline: float, outcome: Outcome, texts: Texts | None = None) -> None:
        self._request = request
        self._deadline = deadline
        self._outcome = outcome
        self._texts = texts
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        # uvloop's transports have the methods without the base class.
        self._transport = cast("asyncio.WriteTransport", transport)
        self._ask()

    def _ask(self) -> None:
        if time.perf_counter() >= self._deadline:
            self._transport.close()
            return
        self._reading = Reading()
        self._first = 0.0
        self._asked = time.perf_counter()
        if self._texts is not None:
            self._texts.asked(self._asked)
        self._transport.write(self._request())

    def data_received(self, data: bytes) -> None:
        """Follow the answer to its end."""
        ended = self._reading.feed(data)
        if self._reading.begun and not self._first:
            self._first = time.perf_counter()
        if self._texts is not None:
            self._texts.feed(time.perf_counter(), data, begun=self._reading.begun)
        if ended:
            self._answered()

    def _answered(self) -> None:
        now = time.perf_counter()
        status = self._reading.status
        self._outcome.statuses[status] = self._outcome.statuses.get(status, 0) + 1
        if status == "200":
            self._outcome.whole.append(round((now - self._asked) * 1000, 3))
            self._outcome.first_byte.append(round(((self._first or now) - self._asked) * 1000, 3))
        self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        """Expected at the deadline only."""
        if time.perf_counter() < self._deadline:
            self._outcome.broken += 1
        self.done.set_result(None)


async def load(
    port: int, request: bytes, connections: int, seconds: float, *, ramp: float = 0.0, texts: bool = False
) -> Outcome:
    """Load 127.0.0.1:`port` for `seconds`; a request under way at the deadline is waited for and counted.

    The connections begin one after the other, evenly over `ramp` seconds before that; with `texts` it is noted when
    text came, from the end of the ramp to the deadline.
    """
    outcome, noted = Outcome(), Noted()
    # From anywhere: no earlier load has sent these letters.
    varying = Varying(request, secrets.randbits(FIRST_BITS))
    loop = asyncio.get_running_loop()
    begin, spent = time.perf_counter(), own_cpu()
    full, deadline = begin + ramp, begin + ramp + seconds

    def connection() -> Connection:
        return Connection(varying, deadline, outcome, Texts(full, deadline, noted) if texts else None)

    made = []
    for at in range(connections):
        pause = begin + ramp * at / connections - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        made.append(await loop.create_connection(connection, "127.0.0.1", port))
    await asyncio.gather(*(protocol.done for _, protocol in made))
    outcome.seconds = time.perf_counter() - begin
    outcome.cpu = own_cpu() - spent
    outcome.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, times in vars(noted).items():
        setattr(outcome, name, [round(value * 1000, 3) for value in times])
    return outcome


def own_cpu() -> float:
    """CPU time of this process in µs."""
    return time.process_time() * 1_000_000


def main() -> int:
    """Print the outcome as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--request", type=Path, required=True, help="a file with the whole HTTP/1.1 request")
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--ramp", type=float, default=0.0, metavar="S", help="begin evenly over so many seconds before")
    parser.add_argument("--texts", action="store_true", help="note when text came")
    given = parser.parse_args()
    request = given.request.read_bytes()
    outcome = uvloop.run(
        load(given.port, request, given.connections, given.seconds, ramp=given.ramp, texts=given.texts)
    )
    json.dump(asdict(outcome), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
