"""Envoy's admin endpoint, over its Unix socket."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    from pathlib import Path


class AdminUnreachable(Exception):
    """Envoy's admin socket is not there, does not answer in time, or refuses."""


async def ask(socket: Path, method: str, path: str, *, within: float = 5.0) -> str:
    """One request; the body of its 200 answer. `within` seconds covers the whole exchange.

    Raises:
        AdminUnreachable: no answer, or any other status.
    """
    client = h11.Connection(h11.CLIENT)
    status, body = 0, bytearray()
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                fields = [("host", "envoy"), ("content-length", "0"), ("connection", "close")]
                writer.write(client.send(h11.Request(method=method, target=path, headers=fields)))
                while not isinstance(event := client.next_event(), h11.EndOfMessage):
                    if event is h11.NEED_DATA:
                        client.receive_data(await reader.read(65536))
                    elif isinstance(event, h11.Response):
                        status = event.status_code
                    elif isinstance(event, h11.Data):
                        body += event.data
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, h11.RemoteProtocolError) as error:
        raise AdminUnreachable(f"Envoy's admin socket {socket} does not answer: {error}") from error
    text = body.decode(errors="replace")
    if status != 200:
        raise AdminUnreachable(f"Envoy answered {status} to {method} {path}: {text.strip()[:200]}")
    return text


async def stats(socket: Path, pattern: str) -> dict[str, str]:
    """Counters, gauges and text read-outs whose names match the regular expression `pattern`."""
    text = await ask(socket, "GET", f"/stats?filter={pattern}")
    lines = (line.partition(": ") for line in text.splitlines())
    return {name: value.strip('"') for name, colon, value in lines if colon}
