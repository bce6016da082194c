"""The proof that one record stands on a trail: checked with a public key alone, without the trail.

    {"format": "kt-audit-proof-v1", "segment": name, "opened": line, "record": line, "index": 3, "size": 8,
     "path": [hash, ...], "seal": line}

Lines are texts, byte for byte as they stand in the segment. The path leads from the record's leaf to the root in the
seal (RFC 6962 section 2.1.1); the session key in `opened` signed the seal; the certificate there is the signing key's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extproc.audit import merkle, signature
from extproc.audit import opened as opening
from extproc.audit.checkpoint import Head
from extproc.audit.links import Links, document

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from extproc.audit.reader import Batch, Line

FORMAT = "kt-audit-proof-v1"


class NotProven(ValueError):
    """The proof does not hold; the text says why."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof shows: this record, under this seal; `signer` is the id of the key that vouches, "" without keys."""

    record: dict[str, Any]
    seal: Head
    sealed_at: str
    signer: str


def build(batch: Batch, line: Line) -> dict[str, object]:
    """The proof for a line of a batch.

    Raises:
        ValueError: it is not in the batch.
    """
    index = batch.lines.index(line)
    leaves = [merkle.leaf(each.raw) for each in batch.lines]
    return {
        "format": FORMAT,
        "segment": batch.file,
        "opened": batch.opened.decode(),
        "record": line.raw.decode(),
        "index": index,
        "size": len(leaves),
        "path": [sibling.hex() for sibling in merkle.path(leaves, index)],
        "seal": batch.seal.raw.decode(),
    }


def check(proof: Mapping[str, object], keys: Collection[bytes] = ()) -> Proven:
    """What the proof shows, to one who trusts `keys` (public keys, 32 bytes); without any, by its own word.

    Raises:
        NotProven: it does not hold.
    """
    if proof.get("format") != FORMAT:
        raise NotProven(f"the proof's format is {proof.get('format')!r}, not {FORMAT!r}")
    index, size, path = proof.get("index"), proof.get("size"), proof.get("path")
    if type(index) is not int or type(size) is not int or not isinstance(path, list) or len(path) > 64:
        raise NotProven("the proof's index, size or path is missing")
    begin, record, seal = (_line(proof, name) for name in ("opened", "record", "seal"))
    try:
        opened = opening.parse(document(begin))
        siblings = [bytes.fromhex(each) for each in path]
    except (ValueError, TypeError) as error:
        raise NotProven(f"the proof cannot be read: {error}") from None
    signer = opened.signer(keys)
    if keys and not signer:
        raise NotProven("no public key that was given vouches for the session key")
    sealed, recorded = document(seal), document(record)
    if sealed.get("event") != "seal" or sealed.get("chain") != opened.chain or recorded.get("chain") != opened.chain:
        raise NotProven("the record, the seal and the session key are not of one chain")
    key = signature.loaded(opened.public)
    if key is None or not Links.signed(seal, key):
        raise NotProven("the seal's signature is not the session key's")
    root, count, seq = sealed.get("root"), sealed.get("count"), sealed.get("seq")
    if count != size or not isinstance(root, str) or type(seq) is not int:
        raise NotProven("the seal is for another number of lines")
    if recorded.get("seq") != seq - size + index:
        raise NotProven("the record's number is not that of its place")
    if not merkle.proven(merkle.leaf(record), index, size, siblings, _hash(root)):
        raise NotProven("the path does not lead from the record to the seal's root")
    return Proven(recorded, Head(opened.chain, 0, seq, merkle.leaf(seal).hex()), str(sealed.get("time")), signer)


def _line(proof: Mapping[str, object], name: str) -> bytes:
    text = proof.get(name)
    if not isinstance(text, str):
        raise NotProven(f"the proof has no {name!r}")
    return text.encode("utf-8", "surrogatepass")


def _hash(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise NotProven("the seal has no root") from None
