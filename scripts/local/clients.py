"""Clients for scripts/chaos: each asks again and again at its own pace, and judges every answer to its last byte.

Runs as a process of its own, so that its work is not the gateway's, until SIGTERM; then it waits for what is open and
prints one JSON list of answers, on the line after READY. Half of the clients ask for whole answers, half for streams.
Paced, not as fast as they can: with every core busy all that a fault adds would be hidden by waiting for one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import cast

import orjson
import uvloop
from reading import Reading

KINDS = ("whole", "stream")
# Nobody waits longer; far above what any attempt is allowed.
PATIENCE = 60.0
BROKEN_BEFORE, BROKEN_OFF = "connection closed, no answer", "connection closed in mid-answer"
NO_END, NOT_CONNECTED = "no end", "connection refused"
# The first line on standard output: from here on SIGTERM is heard.
READY = "ready"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request came to. `asked` is CLOCK_MONOTONIC, in seconds, which all processes of a machine share.

    `first_ms` and `whole_ms`: until the first byte and the last byte of the body. `failure`: "" when all of the
    expected text came, and its proper end; else what went wrong. `target`: who answered.
    """

    asked: float
    kind: str
    first_ms: float
    whole_ms: float
    failure: str
    target: str
    request_id: str

    @property
    def ended(self) -> float:
        """When its last byte came, on the clock of `asked`."""
        return self.asked + self.whole_ms / 1000


def failure_of(reading: Reading, kind: str, text: str) -> str:
    """Judge a complete answer: "" or what is wrong with it, a status or an event and the error's code."""
    if reading.status != "200":
        return f"{reading.status} {_code(reading.body)}".strip()
    try:
        return (_whole if kind == "whole" else _stream)(reading.body, text)
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return "200, not in OpenAI's format"


def _code(body: bytes) -> str:
    with contextlib.suppress(orjson.JSONDecodeError, LookupError, TypeError):
        return str(orjson.loads(body)["error"]["code"])
    return ""


def _whole(body: bytes, text: str) -> str:
    choice = orjson.loads(body)["choices"][0]
    if not choice["finish_reason"]:
        return "200, no finish_reason"
    return "" if choice["message"]["content"] == text else "200, another text"


def _stream(body: bytes, text: str) -> str:
    *events, rest = body.split(b"\n\n")
    said, finished, done = [], False, False
    for event in events:
        if event == b"data: [DONE]":
            done = True
            continue
        chunk = orjson.loads(event.removeprefix(b"data: "))
        if chunk.get("error"):
            return f"event {chunk['error']['code']}"
        for choice in chunk["choices"]:
            said.append(choice["delta"].get("content") or "")
            finished = finished or bool(choice["finish_reason"])
    if rest or not done or not finished:
        return "200, unended stream"
    return "" if "".join(said) == text else "200, another text"


class Client(asyncio.Protocol):
    """One client with one keep-alive connection, made again when it was closed."""

    def __init__(self, port: int, kind: str, request: bytes, text: str) -> None:
        self.answers: list[Answer] = []
        self._port = port
        self._kind = kind
        self._request = request
        self._text = text
        self._transport: asyncio.WriteTransport | None = None
        self._reading = Reading()
        self._asked = 0.0
        self._first = 0.0
        self._open: asyncio.Future[str] | None = None

    async def run(self, stop: asyncio.Event, offset: float, cycle: float) -> None:
        """Ask once a cycle (seconds), or as soon as the last answer has ended; the first time after `offset`."""
        await _unless(stop, offset)
        while not stop.is_set():
            began = time.monotonic()
            await self._ask()
            await _unless(stop, began + cycle - time.monotonic())
        if self._transport is not None:
            self._transport.close()

    async def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        self._reading = Reading(keep=True)
        self._first = 0.0
        self._asked = time.monotonic()
        try:
            if self._transport is None:
                transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", self._port)
                # uvloop's transports have the methods without the base class.
                self._transport = cast("asyncio.WriteTransport", transport)
            self._open = loop.create_future()
            self._transport.write(self._request)
            async with asyncio.timeout(PATIENCE):
                failure = await self._open
        except OSError:
            failure = NOT_CONNECTED
        except TimeoutError:
            failure = NO_END
        self._open = None
        self._note(failure)
        if self._transport is not None and (
            failure == NO_END or self._reading.headers.get("connection", "").lower() == "close"
        ):
            # Its connection_lost comes before another connection can be there.
            self._transport.abort()
            self._transport = None

    def _note(self, failure: str) -> None:
        now, headers = time.monotonic(), self._reading.headers
        self.answers.append(
            Answer(
                asked=self._asked,
                kind=self._kind,
                first_ms=round(((self._first or now) - self._asked) * 1000, 2),
                whole_ms=round((now - self._asked) * 1000, 2),
                failure=failure,
                target=headers.get("x-kt-target", ""),
                request_id=headers.get("x-request-id", ""),
            )
        )

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._open is None or self._open.done():
            return
        ended = self._reading.feed(data)
        if self._reading.begun and not self._first:
            self._first = time.monotonic()
        if ended:
            self._open.set_result(failure_of(self._reading, self._kind, self._text))

    def connection_lost(self, _: Exception | None) -> None:
        """Called by the loop: nothing is lost between two requests."""
        self._transport = None
        if self._open is not None and not self._open.done():
            self._open.set_result(BROKEN_OFF if self._reading.status else BROKEN_BEFORE)


async def _unless(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until it stops."""
    if seconds > 0:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)


async def drive(port: int, requests: dict[str, bytes], text: str, clients: int, cycle: float) -> list[Answer]:
    """Let `clients` of them ask until SIGTERM; all answers in the order they were asked for."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(READY, flush=True)
    made = [Client(port, kind, requests[kind], text) for kind, _ in zip(KINDS * clients, range(clients), strict=False)]
    await asyncio.gather(*(client.run(stop, cycle * at / clients, cycle) for at, client in enumerate(made)))
    return sorted((answer for client in made for answer in client.answers), key=lambda answer: answer.asked)


def main() -> int:
    """Print the answers as JSON, each a list of its fields."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=Path, required=True, help="a file with the whole HTTP/1.1 request")
    parser.add_argument("--text", required=True, help="what every answer must say")
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument(
        "--cycle", type=float, required=True, metavar="S", help="each client asks once in so many seconds"
    )
    given = parser.parse_args()
    requests = {kind: getattr(given, kind).read_bytes() for kind in KINDS}
    answers = uvloop.run(drive(given.port, requests, given.text, given.clients, given.cycle))
    json.dump([astuple(answer) for answer in answers], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
