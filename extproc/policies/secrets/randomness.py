"""Whether a text was made by dice: what sets a key apart from an identifier, a path, a word or a stand-in for a key."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from math import log2

# What people write where a secret would be, and what programs write to fetch one.
_STAND_IN = re.compile(
    r"x{4}|\*{3}|\.{3}|0{8}|example|your|change[_-]?me|placeholder|redacted|replace|insert|dummy|sample|secret_?key$"
    r"|<|>|\$[({]|\{\{|%[({]|process\.|environ|getenv|abcdefghijk",
    re.IGNORECASE,
)
# Characters of a text that are looked at: what is random there is so behind it.
_ENOUGH = 2048
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"(?:[0-9a-f]+|[0-9A-F]+)")


def entropy(text: str) -> float:
    """Shannon's, in bits for each character: 0 for "aaaa", at most 4 for hexadecimal digits."""
    size = len(text)
    return -sum(count / size * log2(count / size) for count in Counter(text).values())


def is_stand_in(text: str) -> bool:
    """Whether the text only shows where a secret goes."""
    return _STAND_IN.search(text) is not None


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID as a whole."""
    return _UUID.fullmatch(text) is not None


def is_hex(text: str) -> bool:
    """Whether the text is hexadecimal digits in one case, as digests are written."""
    return _HEX.fullmatch(text) is not None


def turns(text: str) -> int:
    """How often letters and digits alternate, or capitals follow small letters. Punctuation is not looked at.

    Of random letters and digits about four in ten neighbours are a turn; of words with a number at the end, one or two.
    """
    plain = [character for character in text if character.isalnum()]
    return sum(
        before.isdigit() != after.isdigit() or (before.islower() and after.isupper())
        for before, after in pairwise(plain)
    )


def is_random(text: str, *, least: int = 10, bits: float = 2.9) -> bool:
    """Whether the text looks random: of some length, varied, and letters and digits (or cases) well mixed."""
    text = text[:_ENOUGH]
    count = turns(text)
    return (
        len(text) >= least
        and entropy(text) >= bits
        and count >= max(3, 0.18 * sum(map(str.isalnum, text)))
        and not is_stand_in(text)
    )
