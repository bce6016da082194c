"""What keeps a client at its target: a digest of what names the client. The name itself is kept nowhere."""

from __future__ import annotations

from hashlib import blake2b


def affinity(named: object) -> bytes:
    """The digest of a header's value or of a request's `user`; b"" when it is no text, or empty."""
    if not isinstance(named, str) or not named:
        return b""
    return blake2b(named.encode("utf-8", "surrogatepass"), digest_size=16).digest()
