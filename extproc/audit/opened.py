"""The first line of a segment: whose it is, the key that signs it, and what was configured when it was opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.audit import signature
from extproc.audit.chain import FORMAT, Certificate, certified, key_id
from extproc.audit.checkpoint import Head

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Opened:
    """`public` is the session key, 32 bytes; `supervisor` the chain that watches over this one, "" for none.

    `resumed` is the last seal of the session that this one continues, and `lost` how many records went missing between.
    """

    chain: str
    segment: int
    time: str
    public: bytes
    certificate: Certificate | None
    retention_days: int
    supervisor: str
    log_all_access: bool
    resumed: Head | None
    lost: int

    def same_session(self, other: Opened) -> bool:
        """Whether both name one key and one certificate."""
        return (self.public, self.certificate) == (other.public, other.certificate)

    def signer(self, keys: Iterable[bytes]) -> str:
        """The id of the one of these public keys that vouches for the session key; "" when none does."""
        if self.certificate is None:
            return ""
        for public in keys:
            key = signature.loaded(public)
            message = certified(self.chain, self.public)
            if (
                key is not None
                and self.certificate.key == key_id(public)
                and signature.verified(key, self.certificate.signature, message)
            ):
                return self.certificate.key
        return ""


def parse(line: Mapping[str, object]) -> Opened:
    """What such a line says.

    Raises:
        ValueError: it is none of ours; the text says why.
    """
    if line.get("event") != "opened":
        raise ValueError("it is not the line that opens a segment")
    if line.get("format") != FORMAT:
        raise ValueError(f"its format is {line.get('format')!r}; this program knows {FORMAT}")
    chain, number, time = line.get("chain"), line.get("segment"), line.get("time")
    if not (isinstance(chain, str) and isinstance(number, int) and isinstance(time, str)):
        raise ValueError("its chain, segment or time is missing")  # noqa: TRY004 - values of the line, as the next
    public = signature.decoded(line.get("public_key"), signature.PUBLIC_KEY_BYTES)
    if public is None or signature.loaded(public) is None:
        raise ValueError("it holds no public key")
    days, supervisor = line.get("retention_days"), line.get("supervisor")
    resumed, lost = _resumed(line.get("resumed"))
    return Opened(
        chain=chain,
        segment=number,
        time=time,
        public=public,
        certificate=_certificate(line.get("certificate")),
        retention_days=days if isinstance(days, int) else 0,
        supervisor=supervisor if isinstance(supervisor, str) else "",
        log_all_access=line.get("log_all_access") is True,
        resumed=resumed,
        lost=lost,
    )


def _certificate(value: object) -> Certificate | None:
    if value is None:
        return None
    if isinstance(value, dict) and isinstance(value.get("key"), str):
        signed = signature.decoded(value.get("signature"), signature.SIGNATURE_BYTES)
        if signed is not None:
            return Certificate(value["key"], signed)
    raise ValueError("its certificate is not as it should be")


def _resumed(value: object) -> tuple[Head | None, int]:
    if value is None:
        return None, 0
    if isinstance(value, dict):
        chain, seq, hashed, lost = (value.get(name) for name in ("chain", "seq", "hash", "lost"))
        if isinstance(chain, str) and isinstance(seq, int) and isinstance(hashed, str) and isinstance(lost, int):
            return Head(chain, 0, seq, hashed), lost
    raise ValueError("what it says of the session before is not as it should be")
