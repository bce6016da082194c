"""The Envoy of a gateway: told what is wanted until it has taken it, and started again when it ends."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.edge import listening, logs
from extproc.edge.envoy import EnvoyFailed, EnvoyProcess
from extproc.edge.envoy_admin import AdminUnreachable, ask
from extproc.edge.whole import whole
from extproc.render.envoy import dynamic
from extproc.render.settings import Address, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from extproc.config.runtime import Limits
    from extproc.render.tracing import Collector
    from extproc.routing.targets import Target

# Between two attempts to give Envoy what it did not take, or to start it, doubling.
RETRY_SECONDS = (0.1, 5.0)
# Where distributions keep the certificates of the public authorities.
CA_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What Envoy is to know beside the workers' sockets."""

    targets: tuple[Target, ...]
    limits: Limits


class Front:
    """One Envoy of so many threads, run in `directory`, for the workers whose sockets `sockets()` names at the time."""

    def __init__(
        self,
        binary: Path,
        listen: Address,
        directory: Path,
        sockets: Callable[[], Sequence[str]],
        wanted: Wanted,
        *,
        threads: int,
        collector: Collector | None = None,
    ) -> None:
        self._listen = listen
        self._collector = collector
        self._directory = directory
        self._sockets = sockets
        self._admin = directory / "admin.sock"
        self.envoy = EnvoyProcess(binary, directory, self._admin, concurrency=threads, on_exit=self._on_exit)
        self._trap = Address()
        self._applying = asyncio.Lock()
        self._outdated = asyncio.Event()
        self._ended = asyncio.Event()
        self.wanted = wanted

    @property
    def access_log(self) -> Path:
        """Where Envoy tells of exchanges that no worker has seen."""
        return self._directory / "access.log"

    async def start(self) -> None:
        """Start Envoy and wait until it listens.

        Raises:
            EnvoyFailed: it does not.
        """
        async with self._applying:
            # A new one each time: while Envoy is down anybody may take the port.
            self._trap = Address(host="127.0.0.1", port=listening.free_port())
            # A child that is given up while it is being made would be nobody's.
            await whole(self.envoy.start(self._documents(self._sockets())))
            await self.envoy.wait_ready()

    async def tell(self, sockets: Sequence[str] | None = None) -> None:
        """Give Envoy what is wanted, and other workers than the present ones if given; wait until it uses them.

        Raises:
            EnvoyFailed, AdminUnreachable: it has not taken all of it.
        """
        async with self._applying:
            await self.envoy.replace(self._documents(self._sockets() if sockets is None else sockets))

    def outdated(self) -> None:
        """What is wanted, or the sockets, have changed: `keep_told` sees to it."""
        self._outdated.set()

    async def keep_told(self) -> None:
        """Tell Envoy of each change until it has taken it. Never returns."""
        wait, longest = RETRY_SECONDS
        while True:
            await self._outdated.wait()
            self._outdated.clear()
            try:
                await self.tell()
            except (EnvoyFailed, AdminUnreachable, OSError) as error:
                # An Envoy that is being started again is given everything then.
                logs.get().error("Envoy did not take its workers and targets", error=str(error))
                self._outdated.set()
                await asyncio.sleep(wait)
                wait = min(wait * 2, longest)
            else:
                wait = RETRY_SECONDS[0]

    async def keep_running(self) -> None:
        """Start Envoy again whenever it ends. Never returns."""
        wait, longest = RETRY_SECONDS
        while True:
            await self._ended.wait()
            self._ended.clear()
            try:
                await self.start()
            except (EnvoyFailed, OSError) as error:
                logs.get().error("Envoy did not start", error=str(error))
                # It may live on without its listener.
                await self.envoy.stop()
                self._ended.set()
                await asyncio.sleep(wait)
                wait = min(wait * 2, longest)
            else:
                logs.get().info("Envoy serves again", envoy=self.envoy.pid)
                wait = RETRY_SECONDS[0]

    async def reopen_logs(self) -> None:
        """Let Envoy open its logs anew before it next writes to them.

        Raises:
            AdminUnreachable: it does not answer.
        """
        await ask(self._admin, "POST", "/reopen_logs")

    def _on_exit(self, status: int) -> None:
        logs.get().error("Envoy ended by itself", status=status)
        self._ended.set()

    def _documents(self, sockets: Sequence[str]) -> dict[str, dict[str, object]]:
        settings = Settings(
            listen=self._listen,
            workers=tuple(Address(path=socket) for socket in sockets),
            trap=self._trap,
            admin=Address(path=str(self._admin)),
            access_log=str(self.access_log),
            ca_file=authorities(os.environ),
            collector=self._collector,
        )
        return dynamic(settings, self.wanted.targets, self.wanted.limits, str(self._directory))


def authorities(environ: Mapping[str, str]) -> str:
    """The file of certificate authorities that targets are checked against.

    AWS_CA_BUNDLE as AWS's own clients read it, then SSL_CERT_FILE as OpenSSL does, then the distribution's.

    Raises:
        OSError: a variable names a file that is not there.
    """
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        path = environ.get(name, "")
        if path:
            if not Path(path).is_file():
                raise OSError(f"{name} names {path}, which is no file")
            return str(Path(path).absolute())
    return next((path for path in CA_FILES if Path(path).exists()), CA_FILES[0])


def merged(first: tuple[Target, ...], *others: tuple[Target, ...]) -> tuple[Target, ...]:
    """Every target once by its id, as the first group that has it says."""
    by_id: dict[str, Target] = {}
    for group in (first, *others):
        for target in group:
            by_id.setdefault(target.id, target)
    return tuple(by_id.values())
