"""One chain's lines, checked as they come: does each follow the one before, does each seal fit its batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from extproc.audit import merkle, signature
from extproc.audit.chain import GENESIS, SEAL_CONTEXT, SIGNATURE_MEMBER

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# What a batch may have, so that a file of lines without seals does not fill the memory with hashes.
MAX_BATCH = 1_000_000
_END = b'"}'


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a line cannot stand where it does: a code of `report.MEANINGS`, and a text.

    `before`: the line before it is the one to look at.
    """

    code: str
    text: str
    before: bool = False


def document(line: bytes) -> dict[str, Any]:
    """The line's JSON object; an empty one when it is none."""
    try:
        parsed = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


class Links:
    """Where a chain has come to: the next line's number, the hash it must carry, and the leaves of the open batch.

    After trouble it goes on from what it found, so that one change is not told again for each line that follows.
    """

    def __init__(self, chain: str) -> None:
        self.chain = chain
        self.seq = 0
        self.head = GENESIS
        self.leaves: list[bytes] = []
        self._begin = b'{"chain":"' + chain.encode() + b'","seq":'

    def expected(self) -> bytes:
        """How the next line must begin."""
        return b'%b%d,"prev":"%b",' % (self._begin, self.seq, self.head.encode())

    def begins(self, piece: bytes, *, anywhere: bool = False) -> bool:
        """Whether `piece` may be the begin of the next line; `anywhere`: its number is not known."""
        expected = self._begin if anywhere else self.expected()
        length = min(len(piece), len(expected))
        return piece[:length] == expected[:length]

    def adopt(self, line: dict[str, Any]) -> bool:
        """Go on from what this line says of its place, where what came before it is not here; whether it says so."""
        seq, prev = line.get("seq"), line.get("prev")
        if type(seq) is int and seq >= 0 and isinstance(prev, str):
            self.seq, self.head = seq, prev
            return True
        return False

    def take(self, line: bytes, parsed: dict[str, Any]) -> Trouble | None:
        """Put a line behind the others; what is wrong with its place, if anything. A seal is for `seal` instead."""
        trouble = None if parsed and line.startswith(self.expected()) else self._broken(parsed)
        hashed = merkle.leaf(line)
        if len(self.leaves) < MAX_BATCH:
            self.leaves.append(hashed)
        self.head = hashed.hex()
        seq = parsed.get("seq")
        self.seq = (seq if trouble is not None and type(seq) is int and seq >= 0 else self.seq) + 1
        return trouble

    def seal(self, line: bytes, parsed: dict[str, Any], key: Ed25519PublicKey | None) -> list[Trouble]:
        """Put a seal behind the batch, which begins anew; all that is wrong with it. `key` None: none is known."""
        batch, self.leaves = self.leaves, []
        placed = self.take(line, parsed)
        self.leaves.clear()
        troubles = [] if placed is None else [placed]
        if placed is None and parsed.get("count") != len(batch):
            told = parsed.get("count")
            troubles.append(Trouble("batch", f"the seal is for {told!r} lines; since the seal before are {len(batch)}"))
        elif placed is None and parsed.get("root") != merkle.root(batch).hex():
            troubles.append(Trouble("batch", f"the {len(batch)} lines before the seal are not those that were sealed"))
        if key is not None and not self.signed(line, key):
            troubles.append(Trouble("signature", "the seal's signature is not the session key's"))
        return troubles

    @staticmethod
    def signed(line: bytes, key: Ed25519PublicKey) -> bool:
        """Whether a seal's line, as it stands, is signed with this key."""
        unsigned, member, rest = line.rpartition(SIGNATURE_MEMBER)
        if not member or not rest.startswith(b'"') or not rest.endswith(_END):
            return False
        signed = signature.decoded(rest[1 : -len(_END)].decode("ascii", "replace"), signature.SIGNATURE_BYTES)
        return signed is not None and signature.verified(key, signed, SEAL_CONTEXT + unsigned)

    def _broken(self, parsed: dict[str, Any]) -> Trouble:
        chain, seq, prev = parsed.get("chain"), parsed.get("seq"), parsed.get("prev")
        if not parsed or type(seq) is not int or not isinstance(prev, str) or not isinstance(chain, str):
            return Trouble("unreadable-line", "not a line of an audit trail")
        if chain != self.chain:
            return Trouble("foreign-line", f"a line of chain {chain[:90]!r} in one of {self.chain!r}")
        if seq > self.seq:
            return Trouble("missing-lines", f"line {seq} of the chain where {self.seq} must be")
        if seq < self.seq:
            return Trouble("misplaced-line", f"line {seq} of the chain where {self.seq} must be")
        if prev != self.head:
            text = f"line {seq - 1} of the chain is not the one that line {seq} names with its hash"
            return Trouble("changed-line", text, before=True)
        return Trouble("unreadable-line", "the line does not begin as every line of the trail does")
