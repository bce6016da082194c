"""What a record keeps of the bodies themselves: who asked, keyed hashes, and the bodies when that was asked for.

A keyed hash (HMAC-SHA256, RFC 2104) proves later that a given text was the one, to whoever has the key; without the key
it says nothing, so that short texts cannot be guessed from it. The request is hashed as the client sent it, the answer
as the client got it, a stream with its framing.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson

from extproc.audit import body
from extproc.audit.chain import key_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from extproc.record import ExchangeRecord

MAX_HEADER = 256
REDACTED = "redacted"
FULL = "full"


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """What records keep. Keys are 32 bytes; `nonce` gives 12 random bytes, never the same ones."""

    principal_header: str = ""
    client_headers: tuple[str, ...] = ()
    hash_key: bytes | None = None
    capture: str = "none"
    capture_bytes: int = 0
    encryption_key: bytes | None = None
    nonce: Callable[[], bytes] | None = None
    # Whether bodies have to be looked at; the hashes' beginning, and their key's name.
    bodies: bool = field(init=False, default=False, compare=False)
    begun: hmac.HMAC | None = field(init=False, default=None, compare=False)
    hash_key_id: str = field(init=False, default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bodies", self.hash_key is not None or self.capture != "none")
        if self.hash_key is not None:
            object.__setattr__(self, "begun", hmac.new(self.hash_key, digestmod=sha256))
            object.__setattr__(self, "hash_key_id", key_id(self.hash_key))


class Evidence:
    """Of one exchange: told what comes and goes, it fills the record in. `bodies`: it has to be told of bodies."""

    __slots__ = ("_answer", "_hashes", "_restored", "_seen", "_settings", "bodies")

    def __init__(self, settings: EvidenceSettings) -> None:
        begun = settings.begun
        self._settings = settings
        self.bodies = settings.bodies
        self._seen: bytes | None = None
        self._answer = bytearray()
        self._restored = False
        # A copy costs a third of setting the key up.
        self._hashes = None if begun is None else (begun.copy(), begun.copy())

    def headers(self, headers: Mapping[str, str], record: ExchangeRecord) -> None:
        """The request's headers, names in lower case."""
        settings = self._settings
        record.principal = headers.get(settings.principal_header, "")[:MAX_HEADER]
        if settings.client_headers:
            named = ((name, headers.get(name, "")[:MAX_HEADER]) for name in settings.client_headers)
            record.client_headers = {name: value for name, value in named if value}

    def asked(self, sent: bytes, passed: object, record: ExchangeRecord) -> None:
        """The request's body as it came, and the document that the policies passed; None when they passed none."""
        self._restored = record.reversible
        if self._hashes is not None:
            self._hashes[0].update(sent)
        if self._settings.capture == FULL:
            self._seen = sent
        elif self._settings.capture == REDACTED and passed is not None:
            self._seen = orjson.dumps(passed)

    def answered(self, sent: bytes) -> None:
        """Bytes that go to the client."""
        if self._hashes is not None:
            self._hashes[1].update(sent)
        # One byte more than is kept, to know that it was not all.
        room = self._settings.capture_bytes + 1 - len(self._answer)
        if self._settings.capture != "none" and room > 0 and not self._withheld:
            self._answer += sent[:room]

    def complete(self, record: ExchangeRecord) -> None:
        """Put what was gathered into the record; after this nothing is taken any more."""
        found: dict[str, object] = {}
        if self._hashes is not None:
            request, answer = self._hashes
            found["hashes"] = {
                "key": self._settings.hash_key_id,
                "request": request.hexdigest(),
                "response": answer.hexdigest(),
            }
        if self._seen is not None:
            found["request_body"] = self._kept(self._seen, record.request_id, "request_body")
        if self._answer:
            found["response_body"] = self._kept(bytes(self._answer), record.request_id, "response_body")
        elif self._settings.capture != "none" and self._withheld:
            found["response_body"] = {"captured": "withheld"}
        record.evidence = found

    @property
    def _withheld(self) -> bool:
        """Whether the answer holds again what redaction took out: then it is no redacted one."""
        return self._restored and self._settings.capture == REDACTED

    def _kept(self, data: bytes, request_id: str, name: str) -> dict[str, object]:
        settings, most = self._settings, self._settings.capture_bytes
        kept: dict[str, object] = {"captured": settings.capture}
        if len(data) > most:
            kept["truncated"] = True
        text = data[:most].decode("utf-8", "replace")
        if settings.encryption_key is None or settings.nonce is None:
            return {**kept, "text": text}
        return {**kept, **body.seal(settings.encryption_key, settings.nonce(), request_id, name, text)}
