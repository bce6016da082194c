"""Tickets: with one, an attempt that AWS refused for its signature is signed again, exactly as it was planned.

A worker signs what it has judged. Whoever else reaches its socket must not get a signature for anything of their own,
so each planned attempt carries a MAC under a key that only the workers of one gateway have: over the target, the path,
every header but the signature's own, the hash of the body, and an end. attempt.lua hands all of it back (see there);
the new signature is over the same bytes, by the target's identity as it is now, at the time as it is now.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extproc.sagemaker import invoke, native

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extproc.routing.targets import Credentials, Target

# What a signature consists of, on either route: replaced by another one.
SIGNATURE = frozenset({"authorization", "x-amz-date", "x-amz-security-token"})
# Why AWS refused, in attempt.lua's words: it does not know the credentials (any more), finds the time wrong, or
# refuses a bearer token, for which it gives no reason.
CREDENTIALS, CLOCK, BEARER = "credentials", "clock", "bearer"

# A ticket is these words and the MAC: one text, for each value that travels to Envoy and back costs microseconds.
_WORDS = ("credentials", "clock", "issued", "expires", "payload")
# Headers of an attempt are a few, of bounded length.
_MAX_BYTES = 64 * 1024


class TicketRefused(Exception):
    """Not a ticket, not one of this gateway, for something else, or too old. Says no more: nobody is owed a reason."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A refused attempt whose ticket was good.

    `cause` is why it was refused and `date` the Date header of the refusal ("" if none). `credentials` is the
    fingerprint of those that signed it, `clock` the seconds by which AWS's clock was then thought to be ahead of ours,
    `issued` when that was (Unix seconds). `request` is every header, pseudo-headers included, but the signature's.
    """

    target: Target
    cause: str
    date: str
    payload_hash: str
    credentials: str
    clock: float
    issued: float
    request: Mapping[str, str]

    def sign(self, credentials: Credentials, now: float) -> dict[str, str]:
        """Return the headers of the new signature; `now` is Unix seconds by AWS's clock.

        Raises:
            Unsignable: the credentials have characters that a header cannot carry.
        """
        if self.target.route == "openai":
            return {"authorization": native.authorization(self.target, credentials, now)}
        return invoke.signature(self.target, self.request, self.payload_hash, credentials=credentials, now=now)


@dataclass(frozen=True, slots=True)
class Tickets:
    """Issues and redeems them. `key` is random and secret; every worker behind one Envoy has the same."""

    key: bytes = field(repr=False)

    def issue(
        self,
        target: Target,
        attempt: Mapping[str, str],
        *,
        payload_hash: str,
        credentials: Credentials,
        clock: float,
        now: float,
        expires: float,
    ) -> str:
        """Return the ticket of a planned attempt, which attempt.lua sends back as it is.

        Args:
            target: of the attempt.
            attempt: its headers, pseudo-headers included.
            payload_hash: sigv4.payload_hash() of its body.
            credentials: that signed it.
            clock: seconds by which AWS's clock is thought to be ahead of ours.
            now: Unix seconds by our clock.
            expires: Unix seconds by our clock, after which no attempt can be under way.
        """
        words = f"{credentials.fingerprint} {clock:.0f} {now:.3f} {expires:.0f} {payload_hash}"
        return f"{words} {self._mac(target, words, attempt)}"

    def redeem(self, data: bytes, targets: Iterable[Target], now: float) -> Claim:
        """Read what attempt.lua sends: `name: value` lines of the refusal and the ticket, an empty one, the headers.

        Args:
            data: the lines.
            targets: of the configuration in use.
            now: Unix seconds by our clock.

        Raises:
            TicketRefused: see there.
        """
        if len(data) > _MAX_BYTES:
            raise TicketRefused
        try:
            head, _, rest = data.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise TicketRefused from None
        given, request = _lines(head), _lines(rest)
        target = next((target for target in targets if target.id == given.get("target")), None)
        if target is None or SIGNATURE & request.keys():
            raise TicketRefused
        words, _, mac = given.get("ticket", "").rpartition(" ")
        # Before anything in it is believed.
        if not hmac.compare_digest(self._mac(target, words, request).encode(), mac.encode()):
            raise TicketRefused
        ticket = dict(zip(_WORDS, words.split(" "), strict=True))
        if now > int(ticket["expires"]) or given.get("cause") not in (CREDENTIALS, CLOCK, BEARER):
            raise TicketRefused
        return Claim(
            target,
            given["cause"],
            given.get("date", ""),
            ticket["payload"],
            ticket["credentials"],
            float(ticket["clock"]),
            float(ticket["issued"]),
            request,
        )

    def _mac(self, target: Target, words: str, request: Mapping[str, str]) -> str:
        # No value has a line break: Unsignable says so of headers, configuration of a target's id and region.
        lines = [target.id, target.region, target.route, words]
        lines += [f"{name}: {request[name]}" for name in sorted(request) if name not in SIGNATURE]
        return hmac.digest(self.key, "\n".join(lines).encode(), "sha256").hex()


def _lines(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.split("\n"):
        # A pseudo-header's name begins with a colon.
        name, colon, value = line.partition(": ")
        if not colon or name in found:
            raise TicketRefused
        found[name] = value
    return found
