"""A small HTTP listener for machines that ask: fixed paths, one method each, one answer for each connection."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, Self

import h11
import orjson

from extproc.edge import logs
from extproc.edge.metrics import CONTENT_TYPE
from extproc.record import fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from extproc.render.settings import Address

# For a request's head; one that was begun and never ended holds nothing up.
HEAD_SECONDS = 10.0

# A document is sent as JSON, bytes in the Prometheus text format.
Answer = tuple[HTTPStatus, dict[str, object] | bytes]


class Page(NamedTuple):
    """What is at a path: the method that it takes, and who answers."""

    method: bytes
    answer: Callable[[], Awaitable[Answer]]


class Listener:
    """Serves while its `with` block runs; `address` None serves nothing.

    Raises:
        OSError: the address is taken.
    """

    def __init__(self, address: Address | None, pages: Mapping[str, Page]) -> None:
        self._address = address
        self._pages = pages
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        if self._address is not None:
            self._server = await asyncio.start_server(self._serve, self._address.host, self._address.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            await self._exchange(reader, writer)
        except (OSError, TimeoutError, h11.ProtocolError):
            pass  # whoever asked left, or speaks no HTTP
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        async with asyncio.timeout(HEAD_SECONDS):
            while (event := connection.next_event()) is h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
        if not isinstance(event, h11.Request):
            return
        status, document = await self._answer(event)
        if isinstance(document, bytes):
            body, kind = document, CONTENT_TYPE
        else:
            body, kind = orjson.dumps(document) + b"\n", "application/json"
        fields = [("content-type", kind), ("content-length", str(len(body))), ("connection", "close")]
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            fields.append(("allow", self._pages[_path(event)].method.decode()))
        head = h11.Response(status_code=status, headers=fields, reason=status.phrase)
        # The answer to HEAD has the same head and no body (RFC 9110 §9.3.2).
        parts = (head, h11.Data(data=b"" if event.method == b"HEAD" else body), h11.EndOfMessage())
        writer.write(b"".join(connection.send(part) or b"" for part in parts))
        await writer.drain()

    async def _answer(self, request: h11.Request) -> Answer:
        path = _path(request)
        page = self._pages.get(path)
        if page is None:
            message = f"There is nothing at {path[:100]} (yet); see {', '.join(self._pages)}."
            return error(HTTPStatus.NOT_FOUND, message)
        if request.method != page.method:
            return error(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} takes {page.method.decode()} only.")
        if any(name == b"origin" for name, _ in request.headers):
            # A browser that somebody's page sends here (it can reach loopback addresses too).
            return error(HTTPStatus.FORBIDDEN, "The admin listener serves no web pages.")
        try:
            return await page.answer()
        except Exception as bug:  # noqa: BLE001 - the one who asks is told, and the listener goes on
            logs.get().error("the admin listener failed", fault=fault(bug))
            return error(HTTPStatus.INTERNAL_SERVER_ERROR, "The admin listener failed; its log says where.")


def error(status: HTTPStatus, message: str) -> Answer:
    """An answer that says what is wrong."""
    return status, {"error": {"message": message, "code": status.name.lower()}}


def _path(request: h11.Request) -> str:
    return request.target.decode("ascii", "replace").partition("?")[0]
