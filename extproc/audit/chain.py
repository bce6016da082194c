"""The chain of one writer: lines that each carry the hash of the one before, in batches that a signature seals.

    {"chain":"w0.1.9f86d081884c","seq":7,"prev":"<hash of line 6>","time":…,"event":"exchange",…}
    {"chain":"w0.1.9f86d081884c","seq":8,"prev":"<hash of line 7>","time":…,"event":"seal","count":1,"root":…,"sig":…}

The canonical bytes of a line are the line itself, without its newline: there is nothing to canonicalise. A line's hash
is the RFC 6962 leaf hash of them. A seal's `root` is the Merkle root over the `count` lines since the seal before, and
its signature covers the seal line up to `,"sig":`. So a line is proven by its batch's seal and a few hashes, and no
line can be changed, taken out, put in or moved without breaking both the chain and a signature.

The key is the session's own: made when the writer starts, kept in memory only, vouched for by the configured signing
key (`Certificate`) when there is one. Whoever gets hold of the machine later cannot sign for a session that is over.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import orjson

from extproc.audit import merkle
from extproc.record import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
GENESIS = "0" * 64
SEAL_CONTEXT = b"kt-audit-seal-v1\0"
SESSION_CONTEXT = b"kt-audit-session-v1\0"
SIGNATURE_MEMBER = b',"sig":'


class SessionKey(Protocol):
    """An Ed25519 key pair that lives as long as the writer."""

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes (RFC 8032)."""

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`, 64 bytes."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The signing key's word for a session key; `key` is the signing key's id, `signature` 64 bytes."""

    key: str
    signature: bytes


def certified(chain: str, public: bytes) -> bytes:
    """What a certificate's signature covers."""
    return SESSION_CONTEXT + chain.encode() + b"\0" + public


def key_id(public: bytes) -> str:
    """A public key's name in records and messages: the first 16 hex digits of the SHA-256 of its 32 bytes."""
    return sha256(public).hexdigest()[:16]


class Chain:
    """Builds one session's lines. `header` is what every segment's first line says beside the keys.

    A batch is collected with `open_segment` and `append`, and handed over by `seal`. Call `rewind` when it could not be
    made durable: the chain is then as it was before the batch.
    """

    def __init__(
        self,
        name: str,
        key: SessionKey,
        header: Mapping[str, object],
        certificate: Certificate | None = None,
    ) -> None:
        self.name = name
        self._key = key
        self._header = header
        self._certificate = certificate
        self._segment = 0
        self._seq = 0
        self._head = GENESIS
        self._lines: list[bytes] = []
        self._leaves: list[bytes] = []
        self._before = (0, 0, GENESIS)

    @property
    def segment(self) -> int:
        """The number of the segment that lines go to now, from 1; 0 before the first."""
        return self._segment

    @property
    def seq(self) -> int:
        """The next line's number, from 0."""
        return self._seq

    @property
    def head(self) -> str:
        """The hash of the last line, hex."""
        return self._head

    @property
    def pending(self) -> int:
        """How many lines the batch has."""
        return len(self._lines)

    def open_segment(self, now: float) -> int:
        """Begin the next segment, with the line that says whose it is; its number. The batch must be empty."""
        if self._lines:
            raise ValueError("a batch is never split over two segments")
        self._segment += 1
        opened: dict[str, object] = {
            "time": timestamp(now),
            "event": "opened",
            "format": FORMAT,
            "segment": self._segment,
            "public_key": base64.b64encode(self._key.public).decode(),
        }
        if self._certificate is not None:
            signature = base64.b64encode(self._certificate.signature).decode()
            opened["certificate"] = {"key": self._certificate.key, "signature": signature}
        self.append({**opened, **self._header})
        return self._segment

    def append(self, document: Mapping[str, object]) -> None:
        """Add a line to the batch.

        Raises:
            TypeError: it is no JSON; nothing was added.
        """
        self._add(self._line(document))

    def seal(self, now: float) -> bytes:
        """The batch's bytes with its seal, each line ended by a newline; the next batch begins empty."""
        count, root = len(self._leaves), merkle.root(self._leaves).hex()
        unsigned = self._line({"time": timestamp(now), "event": "seal", "count": count, "root": root})[:-1]
        signature = binascii.b2a_base64(self._key.sign(SEAL_CONTEXT + unsigned), newline=False)
        self._add(b'%b%b"%b"}' % (unsigned, SIGNATURE_MEMBER, signature))
        self._lines.append(b"")
        batch = b"\n".join(self._lines)
        self._lines.clear()
        self._leaves.clear()
        return batch

    def settle(self) -> None:
        """The sealed batch is durable: there is no way back behind it."""
        self._before = (self._segment, self._seq, self._head)

    def rewind(self) -> None:
        """Forget everything since the last `settle`."""
        self._segment, self._seq, self._head = self._before
        self._lines.clear()
        self._leaves.clear()

    def _line(self, document: Mapping[str, object]) -> bytes:
        return orjson.dumps({"chain": self.name, "seq": self._seq, "prev": self._head, **document})

    def _add(self, line: bytes) -> None:
        hashed = merkle.leaf(line)
        self._lines.append(line)
        self._leaves.append(hashed)
        self._seq += 1
        self._head = hashed.hex()
