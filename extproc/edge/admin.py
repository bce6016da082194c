"""The admin listener of a gateway: health, configuration, reload, targets, metrics. Off unless `--admin HOST:PORT`."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, Self

import h11
import orjson

from extproc.edge import logs
from extproc.edge.metrics import CONTENT_TYPE
from extproc.record import fault

if TYPE_CHECKING:
    from extproc.config.runtime import Runtime
    from extproc.render.settings import Address

# For a request's head; one that was begun and never ended holds nothing up.
HEAD_SECONDS = 10.0

HEALTH = "/health"
CONFIG = "/keeptrusts/config"
RELOAD = "/keeptrusts/config/reload"
PROVIDERS = "/keeptrusts/providers/metrics"
METRICS = "/metrics"
_METHODS = {HEALTH: b"GET", METRICS: b"GET", CONFIG: b"GET", RELOAD: b"POST", PROVIDERS: b"GET"}

# A document is sent as JSON, bytes in the Prometheus text format.
Answer = tuple[HTTPStatus, dict[str, object] | bytes]


class Supervisor(Protocol):
    """What the listener tells of."""

    @property
    def runtime(self) -> Runtime:
        """The configuration in use."""

    async def health(self) -> tuple[str, dict[str, object]]:
        """healthy, degraded or unhealthy, and the whole report."""

    def providers(self) -> dict[str, object]:
        """What is known of the targets."""

    def metrics(self) -> bytes:
        """What all processes have counted, in the Prometheus text format."""

    async def reload(self, why: str) -> str:
        """Load the file anew; "" or what is wrong with it."""


class AdminListener:
    """Serves while its `with` block runs; `address` None serves nothing.

    Raises:
        OSError: the address is taken.
    """

    def __init__(self, address: Address | None, supervisor: Supervisor) -> None:
        self._address = address
        self._supervisor = supervisor
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
            fields.append(("allow", _METHODS[_path(event)].decode()))
        head = h11.Response(status_code=status, headers=fields, reason=status.phrase)
        # The answer to HEAD has the same head and no body (RFC 9110 §9.3.2).
        parts = (head, h11.Data(data=b"" if event.method == b"HEAD" else body), h11.EndOfMessage())
        writer.write(b"".join(connection.send(part) or b"" for part in parts))
        await writer.drain()

    async def _answer(self, request: h11.Request) -> Answer:
        path = _path(request)
        if path not in _METHODS:
            return _error(HTTPStatus.NOT_FOUND, f"There is nothing at {path[:100]} (yet); see {', '.join(_METHODS)}.")
        if request.method != _METHODS[path]:
            return _error(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} takes {_METHODS[path].decode()} only.")
        if any(name == b"origin" for name, _ in request.headers):
            # A browser that somebody's page sends here (it can reach loopback addresses too).
            return _error(HTTPStatus.FORBIDDEN, "The admin listener serves no web pages.")
        try:
            if path == HEALTH:
                state, report = await self._supervisor.health()
                return HTTPStatus.SERVICE_UNAVAILABLE if state == "unhealthy" else HTTPStatus.OK, report
            if path == RELOAD:
                if refusal := await self._supervisor.reload("the admin listener was asked"):
                    return _error(HTTPStatus.UNPROCESSABLE_ENTITY, refusal)
                return HTTPStatus.OK, {"status": "reloaded", **configuration(self._supervisor.runtime)}
            if path == METRICS:
                return HTTPStatus.OK, await asyncio.to_thread(self._supervisor.metrics)
            if path == PROVIDERS:
                return HTTPStatus.OK, self._supervisor.providers()
            return HTTPStatus.OK, configuration(self._supervisor.runtime)
        except Exception as error:  # noqa: BLE001 - the one who asks is told, and the listener goes on
            logs.get().error("the admin listener failed", fault=fault(error))
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "The admin listener failed; its log says where.")


def configuration(runtime: Runtime) -> dict[str, object]:
    """What may be told of a configuration: neither identities nor anything that could hold a secret."""
    return {
        "pack": {"name": runtime.pack.name, "version": runtime.pack.version, "enabled": runtime.pack.enabled},
        "hash": runtime.config_hash,
        "fail_mode": "allow" if runtime.fail_open else "block",
        "policies": {"chain": list(runtime.chain.order)},
        "providers": {
            "targets": [
                {
                    "id": target.id,
                    "models": list(target.models),
                    "endpoint": target.endpoint,
                    "region": target.region,
                    "kind": target.kind,
                    "format": target.format,
                    "authority": target.authority,
                    "timeout_seconds": target.timeout_seconds,
                    "first_byte_timeout_seconds": target.first_byte_timeout_seconds,
                    "max_context_tokens": target.max_context_tokens,
                }
                for target in runtime.targets
            ]
        },
    }


def _path(request: h11.Request) -> str:
    return request.target.decode("ascii", "replace").partition("?")[0]


def _error(status: HTTPStatus, message: str) -> Answer:
    return status, {"error": {"message": message, "code": status.name.lower()}}
