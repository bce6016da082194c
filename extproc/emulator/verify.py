"""Does this request's Signature Version 4 hold? Judged from the bytes received, as AWS's front end does.

Written on its own: it shares no code with extproc/sagemaker/sigv4.py, so that signer and verifier check each other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from calendar import timegm
from functools import lru_cache
from time import gmtime, strftime, strptime
from typing import TYPE_CHECKING, NamedTuple

from extproc.emulator import refusals
from extproc.emulator.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.emulator.received import Received
    from extproc.routing.targets import Credentials

SERVICE = "sagemaker"
SKEW_SECONDS = 300

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")
_STAMP = "%Y%m%dT%H%M%SZ"
_HEX_SIGNATURE = re.compile(r"[0-9a-f]{64}")


class Claim(NamedTuple):
    """What an Authorization header says."""

    access_key: str
    day: str
    region: str
    service: str
    names: tuple[bytes, ...]
    signature: str


def verify(request: Received, keys: Mapping[str, Credentials], region: str, now: float) -> None:
    """Check a request against the known keys; `now` is Unix seconds.

    Raises:
        Refused: with AWS's error for the first thing that is wrong.
    """
    claim = _claim(request)
    stamp = _stamp_of(request)
    _check_signed_names(request, claim)
    credentials = keys.get(claim.access_key)
    if credentials is None:
        raise Refused(refusals.UNKNOWN_CLIENT)
    token = request.header(b"x-amz-security-token")
    if (token or b"").decode("latin-1") != (credentials.token or ""):
        raise Refused(refusals.UNKNOWN_CLIENT)
    _check_scope(claim, stamp, region)
    _check_clock(stamp, now)
    canonical = canonical_request(request, claim.names)
    scope = f"{claim.day}/{claim.region}/{claim.service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"
    key = derive(credentials.secret_key, claim.day, claim.region, claim.service)
    if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), claim.signature):
        raise Refused(refusals.WRONG_SIGNATURE)


def canonical_request(request: Received, names: tuple[bytes, ...]) -> bytes:
    """Rebuild what the client must have signed."""
    received: dict[bytes, list[bytes]] = {}
    for name, value in request.headers:
        received.setdefault(name, []).append(b" ".join(value.split()))
    lines = [name + b":" + b",".join(received.get(name, [])) for name in names]
    return b"\n".join(
        (
            request.method,
            _canonical_path(request.path),
            _canonical_query(request.query),
            *lines,
            b"",
            b";".join(names),
            hashlib.sha256(request.body).hexdigest().encode(),
        )
    )


def _claim(request: Received) -> Claim:
    given = request.header(b"authorization")
    if given is None:
        raise Refused(refusals.MISSING_TOKEN)
    algorithm, _, rest = given.decode("latin-1").partition(" ")
    if algorithm != "AWS4-HMAC-SHA256":
        raise Refused(refusals.incomplete(f"Unsupported AWS 'algorithm': '{algorithm}'."))
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    for name in ("Credential", "Signature", "SignedHeaders"):
        if not parts.get(name):
            raise Refused(refusals.incomplete(f"Authorization header requires '{name}' parameter."))
    scope = parts["Credential"].split("/")
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise Refused(refusals.incomplete("Credential must have exactly 5 slash-delimited elements."))
    if not _HEX_SIGNATURE.fullmatch(parts["Signature"]):
        raise Refused(refusals.incomplete("Signature must be 64 hexadecimal digits."))
    names = tuple(parts["SignedHeaders"].encode("latin-1").split(b";"))
    return Claim(scope[0], scope[1], scope[2], scope[3], names, parts["Signature"])


def _stamp_of(request: Received) -> str:
    stamps = request.values(b"x-amz-date")
    if len(stamps) != 1:
        raise Refused(refusals.incomplete("Authorization header requires existence of one 'X-Amz-Date' header."))
    stamp = stamps[0].decode("latin-1")
    try:
        _seconds(stamp)
    except ValueError as fault:
        raise Refused(refusals.incomplete("Date must be in ISO-8601 'basic format'.")) from fault
    return stamp


def _check_signed_names(request: Received, claim: Claim) -> None:
    if list(claim.names) != sorted({name.lower() for name in claim.names}):
        raise Refused(refusals.incomplete("SignedHeaders must be lower case, sorted and each named once."))
    if b"host" not in claim.names:
        raise Refused(
            refusals.invalid_signature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
        )
    present = {name for name, _ in request.headers}
    if not present.issuperset(claim.names):
        raise Refused(refusals.WRONG_SIGNATURE)
    # Not x-amzn-*: the trace id of that family is added by AWS's own load balancers.
    unsigned = sorted(name for name in present.difference(claim.names) if name.startswith(b"x-amz-"))
    if unsigned:
        listed = ", ".join(name.decode("latin-1") for name in unsigned)
        raise Refused(
            refusals.invalid_signature(f"There were headers present in the request that were not signed: {listed}")
        )


def _check_scope(claim: Claim, stamp: str, region: str) -> None:
    if claim.region != region:
        raise Refused(
            refusals.invalid_signature(f"Credential should be scoped to a valid region, not '{claim.region}'.")
        )
    if claim.service != SERVICE:
        raise Refused(refusals.invalid_signature(f"Credential should be scoped to correct service: '{SERVICE}'."))
    if claim.day != stamp[:8]:
        raise Refused(
            refusals.invalid_signature(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                f"'{claim.day}' != '{stamp[:8]}', from '{stamp}'."
            )
        )


def _check_clock(stamp: str, now: float) -> None:
    signed = _seconds(stamp)
    here = strftime(_STAMP, gmtime(now))
    if signed < now - SKEW_SECONDS:
        oldest = strftime(_STAMP, gmtime(now - SKEW_SECONDS))
        raise Refused(
            refusals.invalid_signature(f"Signature expired: {stamp} is now earlier than {oldest} ({here} - 5 min.)")
        )
    if signed > now + SKEW_SECONDS:
        newest = strftime(_STAMP, gmtime(now + SKEW_SECONDS))
        raise Refused(
            refusals.invalid_signature(
                f"Signature not yet current: {stamp} is still later than {newest} ({here} + 5 min.)"
            )
        )


@lru_cache(maxsize=64)
def _seconds(stamp: str) -> int:
    """Return Unix seconds. Raises ValueError."""
    return timegm(strptime(stamp, _STAMP))


@lru_cache(maxsize=256)
def _canonical_path(path: bytes) -> bytes:
    """Resolve dots and doubled slashes, then percent-encode what arrived, percent signs included."""
    segments: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            if segments:
                segments.pop()
        elif segment and segment != b".":
            segments.append(segment)
    normal = b"/" + b"/".join(segments)
    if path.endswith(b"/") and segments:
        normal += b"/"
    return b"".join(bytes((byte,)) if byte in _UNRESERVED else b"%%%02X" % byte for byte in normal)


def _canonical_query(query: bytes) -> bytes:
    pairs = sorted(pair.partition(b"=")[::2] for pair in query.split(b"&") if pair)
    return b"&".join(key + b"=" + value for key, value in pairs)


@lru_cache(maxsize=64)
def derive(secret: str, day: str, region: str, service: str) -> bytes:
    """Return the signing key of one day, region and service."""
    key = b"AWS4" + secret.encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
