"""The gRPC method by which attempt.lua has a refused attempt signed again: lines in, lines out, no protobuf.

A refusal of ours leaves things as they would be without it: Envoy goes on to the next target, if there is one.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.edge import logs
from extproc.http2.status import Status
from extproc.sagemaker.sigv4 import Unsignable
from extproc.sagemaker.ticket import TicketRefused, Tickets

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.config.runtime import Runtime
    from extproc.edge.corrections import Corrections
    from extproc.edge.credentials import CredentialKeeper
    from extproc.edge.transport import Context

SERVICE, METHOD = "kt.v1.Signer", "Resign"
KEY_BYTES = 32


class Signer:
    """One worker's. It signs for whoever has a ticket, with its own credentials and clock."""

    def __init__(
        self, runtime: Callable[[], Runtime], keeper: CredentialKeeper, corrections: Corrections, tickets: Tickets
    ) -> None:
        self._runtime = runtime
        self._keeper = keeper
        self._corrections = corrections
        self._tickets = tickets

    async def resign(self, request: bytes, context: Context) -> bytes:
        """Serve one call: `name: value` lines in, as Tickets.redeem reads them; the new signature's headers out."""
        headers: dict[str, str] = {}
        with contextlib.suppress(TicketRefused, Unsignable):
            headers = await self._signed(request)
        if not headers:
            await context.abort(Status.PERMISSION_DENIED, "not signed")
        return "".join(f"{name}: {value}\n" for name, value in headers.items()).encode()

    async def _signed(self, request: bytes) -> dict[str, str]:
        """The headers of the new signature; none when it would be no better than the refused one."""
        claim = self._tickets.redeem(request, self._runtime().targets, time.time())
        target = claim.target
        cured = await self._corrections.cure(claim, time.time())
        credentials = self._keeper.snapshot.get(target.identity)
        if not cured or credentials is None:
            return {}
        logs.get().info("signing again what AWS refused", target=target.id, cause=claim.cause)
        return claim.sign(credentials, time.time() + self._corrections.clock.get(target.region, 0.0))


def tickets(path: Path | None) -> Tickets:
    """Tickets under the key in a file, which is made when it is not there; without a file, under a key nobody else has.

    Raises:
        OSError: the file can be neither read nor made, or is too short to be a secret.
    """
    if path is None:
        return Tickets(secrets.token_bytes(KEY_BYTES))
    if not path.exists():
        _make(path)
    key = path.read_bytes().strip()
    if len(key) < KEY_BYTES:
        raise OSError(f"{path} is no key for tickets: {KEY_BYTES} bytes at least, and random")
    return Tickets(key)


def _make(path: Path) -> None:
    """A new key, for its owner alone. Of workers that start together one makes it, whole, and all read that one."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, encoding="ascii") as made:
            made.write(secrets.token_hex(KEY_BYTES))
            made.flush()
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(made.name)
    except OSError as error:
        raise OSError(f"{path}, the key for tickets, is not there and cannot be made: {error.strerror}") from error
