"""A server of one's own: POST with the lines as they are; 2xx means that it has them."""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from typing import TYPE_CHECKING

from extproc.edge.trail.sinks.headers import from_variable, variable
from extproc.edge.trail.sinks.http import Poster

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.config.sink_settings import WebhookSettings
    from extproc.edge.trail.piece import Piece


class Webhook:
    """Posts pieces.

    `idempotency-key` is the SHA-256 of the body (hex), the same each time that a piece is sent; `x-kt-segment` and
    `x-kt-offset` say where in the trail it stands, which tells even pieces apart that a restart has cut differently.
    `x-kt-signature` is `t=<Unix seconds>,v1=<hex>`, v1 the HMAC-SHA256 of `<t>.<body>`.
    """

    rejected = 0

    def __init__(self, settings: WebhookSettings, environ: Mapping[str, str]) -> None:
        """Raises Unusable when a variable is not set."""
        self.settings = settings
        self._secret = variable(settings.secret_env, environ).encode() if settings.secret_env else b""
        self._poster = Poster(settings.url, from_variable(settings.headers_env, environ), settings.timeout)

    def prepare(self) -> None:
        """Nothing has to be."""

    def deliver(self, piece: Piece) -> int:
        """Send it. Raises Undelivered."""
        headers = {
            "content-type": "application/x-ndjson",
            "idempotency-key": sha256(piece.data).hexdigest(),
            "x-kt-segment": piece.path.name,
            "x-kt-offset": str(piece.offset),
        }
        if self._secret:
            headers["x-kt-signature"] = signature(self._secret, piece.data, int(time.time()))
        self._poster.post(piece.data, headers)
        return len(piece.data)


def signature(secret: bytes, body: bytes, now: int) -> str:
    """The header that proves to a holder of the secret who sent a body, and when."""
    signed = hmac.new(secret, f"{now}.".encode() + body, sha256).hexdigest()
    return f"t={now},v1={signed}"
