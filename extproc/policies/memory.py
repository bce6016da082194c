"""Scores of texts that were found harmless a short time ago: a chat sends its whole history again with each turn.

A text is known by its digest under a secret key, so that nobody can make two texts of which one stands for the other.
No text is kept.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.policies.verdict import Text

_DIGEST_BYTES = 16
# Texts of one generation; there are two. A text takes 130 bytes: digest, score, and its place in a dict.
_MOST = 10_000
# To digest 1 MB takes 0.7 ms; to score it 4 ms, as 25 MB. No text is too short: a message takes 1 µs against 6.
_LONGEST = 1_000_000


class Memory:
    """The last 10,000 to 20,000 texts that were kept or asked for, in 2.4 MiB. May be used from several threads.

    Where two of them begin a generation at once, some texts are forgotten early.
    """

    __slots__ = ("_key", "_new", "_old")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._new: dict[bytes, float] = {}
        self._old: dict[bytes, float] = {}

    def recall(self, text: Text) -> tuple[bytes | None, float | None]:
        """What stands for a text, and the score that was kept for it; None for none.

        Nothing stands for a very long text, for what is to be embedded (each is new, and there are many), and for half
        of a surrogate pair, which in UTF-8 is a question mark like any other.
        """
        data = text.data
        if len(data) > _LONGEST or text.place.path[:1] == ("input",):
            return None, None
        if not text.text.isascii() and data.count(b"?") != text.text.count("?"):
            return None, None
        digest = blake2b(data, digest_size=_DIGEST_BYTES, key=self._key).digest()
        score = self._new.get(digest)
        if score is None:
            score = self._old.get(digest)
            if score is not None:
                self.keep(digest, score)
        return digest, score

    def keep(self, digest: bytes, score: float) -> None:
        """Remember the score of a harmless text by what stands for it."""
        new = self._new
        if len(new) >= _MOST:
            self._old = new
            self._new = new = {}
        new[digest] = score
