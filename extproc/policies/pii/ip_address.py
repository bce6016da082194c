"""IP_ADDRESS: IPv4 in four decimal numbers, IPv6 as RFC 4291 §2.2 writes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from extproc.policies.base import Span

# A digit of a fifth number is taken along: then it is an object identifier or a version and passed over.
EXPRESSION_V4 = r"\b(?:\d{1,3}\.){3}\d{1,3}\b(?:\.\d)?"
EXPRESSION_V6 = r"\b[0-9A-Fa-f]{1,4}(?::{1,2}[0-9A-Fa-f]{1,4}){1,7}(?:::)?\b(?::[0-9A-Za-z])?"
# Times of day are no addresses: those have many groups, or two colons together and a first group that is no word.
GATE_V6 = r"\b[0-9A-Fa-f]{3,4}(?::[0-9A-Fa-f]{1,4}){0,6}::|\b(?:[0-9A-Fa-f]{1,4}:{1,2}){6}"

_VERSION = re.compile(
    r"(?:\bv|\bver(?:sion)?|\brelease|\bOID|\bsection|\bchapter|\bbuild|[A-Za-z]/|\d\.|[\w]-|§)[ .:=]*$", re.IGNORECASE
)
# Loopback, unspecified and netmasks identify nobody.
_NOBODY = re.compile(r"(?:0|127\.0|255)\.")


def refine_v4(candidate: str, before: str) -> Sequence[Span]:
    """The candidate if its four numbers are an address and nothing before it says version."""
    parts = candidate.split(".")
    if len(parts) != 4 or any(len(part) > 1 and part[0] == "0" for part in parts) or _VERSION.search(before):
        return ()
    try:
        IPv4Address(candidate)
    except ValueError:
        return ()
    return () if _NOBODY.match(candidate) else ((0, len(candidate)),)


def refine_v6(candidate: str, before: str) -> Sequence[Span]:
    """The candidate if it is an address; a short one must begin with a group that no word of code looks like."""
    if before.endswith((":", ".", "-")):
        return ()
    try:
        IPv6Address(candidate)
    except ValueError:
        return ()
    first = candidate.split(":", 1)[0]
    # "add::bad" is a C++ name as well.
    if candidate.count(":") < 7 and (len(first) < 3 or not any(character.isdigit() for character in first)):
        return ()
    return ((0, len(candidate)),)
