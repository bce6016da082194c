"""Views of a text without its disguises: what a heuristic or model scores besides the text as it stands."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode
from collections.abc import Iterator
from itertools import islice

# Zero-width and bidirectional controls, soft hyphens, variation selectors: invisible, and legal anywhere.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
# Tag characters mirror ASCII invisibly (Unicode chapter 23.9).
_TAGS = {0xE0000 + code: code for code in range(0x20, 0x7F)}
# Letters of Cyrillic and Greek that look like Latin ones (a part of Unicode's confusables.txt), lower case.
_LOOKALIKES = str.maketrans("абвгеёзіјкмнорстухѕԁһɡαβγεικνορτυχ", "a6bree3ijkmhopctyxsdhgabyeikvoptux")
_LATIN = re.compile("[a-z]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
# Decoded at most: an attacker hides one text, not a hundred; and characters of each.
_SEGMENTS = 16
_SEGMENT_LENGTH = 8192


def plain(text: str, *, unicode: bool = True, lookalikes: bool = True) -> str:
    """The text in lower case and without its disguises.

    `unicode`: in NFKC form and without invisible characters. `lookalikes`: letters of other scripts that look like
    Latin ones are read as those, where Latin letters stand beside them.
    """
    if text.isascii():
        return text.lower()
    if unicode:
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text.translate(_TAGS)))
    text = text.lower()
    # A wholly Cyrillic text is Cyrillic; a disguise mixes.
    return text.translate(_LOOKALIKES) if lookalikes and _LATIN.search(text) else text


def decoded(text: str) -> Iterator[str]:
    """What Base64 segments hold, where that is printable text."""
    for segment in islice(_BASE64.finditer(text), _SEGMENTS):
        body = segment.group().rstrip("=")[:_SEGMENT_LENGTH]
        body = body[: len(body) - (len(body) % 4 == 1)]
        try:
            hidden = b64decode(body + "=" * (-len(body) % 4), altchars=b"-_" if "-" in body or "_" in body else None)
            shown = hidden.decode()
        except ValueError:
            continue
        if sum(map(str.isprintable, shown)) >= 0.95 * len(shown):
            yield shown
