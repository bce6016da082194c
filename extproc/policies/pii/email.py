"""EMAIL: an address as people write it, with letters of Latin, Greek and Cyrillic script in either part (RFC 6531)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from extproc.policies.base import Span

_LETTERS = r"A-Za-z0-9\x{C0}-\x{24F}\x{370}-\x{4FF}"
# RFC 5321 §4.5.3.1 allows 64 characters before the "@" and 255 after. The bounds also keep what a stream holds small:
# without them any long word could still become an address.
EXPRESSION = (
    rf"[{_LETTERS}_][{_LETTERS}_.%+'&=/*!#$~-]{{0,63}}@[{_LETTERS}.-]{{1,128}}"
    r"\.(?:[A-Za-z]{2,24}|[\x{430}-\x{44F}]{2,10}|xn--[a-z0-9-]{2,20})"
)

_LABEL = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")
# "user:password@host.example" and "ssh git@host" are logins; the "@" of a package is no address either.
_URL = re.compile(r"://\S*$")


def refine(candidate: str, before: str) -> Sequence[Span]:
    """The candidate if every label of its domain is one."""
    local, _, domain = candidate.rpartition("@")
    start = 0
    if "/" in local or "=" in local:
        # "to=bob@x.org", "mailto:a/b": the address begins after the last delimiter.
        start = max(local.rfind("/"), local.rfind("=")) + 1
        local = local[start:]
    if not local or local.endswith(".") or ".." in local or (_URL.search(before) and ":" in before[-24:]):
        return ()
    if not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        return ()
    return ((start, len(candidate)),)
