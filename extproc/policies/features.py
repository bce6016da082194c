"""A text as hashed features of its words, for the linear model: integer arithmetic, the same on every machine.

A token is a run of letters and digits, a run of signs, or one character of Chinese, Japanese, Korean or an emoji. Its
features are hashes: of itself and of its stem, of both with the token before it, and of the stem with the two before
that; and where it names a concept (lexicon.py), of that with the concepts before it. So a word that no training text
held still counts through its stem and its concept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extproc.policies.lexicon import WORDS
from extproc.policies.views import plain

# Changes whenever the features of some text do; a file of weights names the one that it was made for.
VERSION = 1
BITS = 19
# Features of each token, those of concepts apart.
KINDS = 7
# At most so many bytes at once: the tables of powers below are that long.
LONGEST = 1 << 15

Hashes = NDArray[np.uint32]
_U32 = np.uint32
_SIZE = 32 - BITS
# Odd, so that it has an inverse modulo 2**32.
_FACTOR = 0x5BD1E995
_SALT = (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F, 0x165667B1, 0xD3A2646D, 0xFD7046C5, 0xB55A4F09)

# Bits of a hash that the lexicon's table does not look at, and what tells stems in it from words.
_SHIFT = 15
_STEMS = 0xA5A50000

# Tokens between concepts that belong together.
_REACH = 18

_SPACE, _LETTER, _SIGN, _REST, _ALONE = range(5)


def _classes() -> bytes:
    kinds = bytearray(256)
    for code in range(256):
        character = chr(code)
        if code < 0x80:
            kind = _LETTER if character.isalnum() or character == "'" else _SIGN if 0x20 < code < 0x7F else _SPACE
        elif code < 0xC0:
            kind = _REST
        else:
            # U+3000 and above: CJK, Hangul, emoji.
            kind = _ALONE if code >= 0xE3 else _LETTER
        kinds[code] = kind
    return bytes(kinds)


_CLASSES = _classes()
# Bytes of a stem, by a token's first byte: five letters of Latin, Greek, Cyrillic, Hebrew or Arabic, four of Hindi.
_STEM = np.array([5 if code < 0xC0 else 10 if code < 0xE0 else 12 for code in range(256)], np.int64)


def _powers(factor: int) -> Hashes:
    found, power = [], 1
    for _ in range(LONGEST + 1):
        found.append(power)
        power = power * factor & 0xFFFFFFFF
    return np.array(found, _U32)


_POWERS = _powers(_FACTOR)
_INVERSE = _powers(pow(_FACTOR, -1, 1 << 32))


@dataclass(frozen=True, slots=True)
class Features:
    """Of n tokens: where each starts and ends, in bytes; for each kind of feature the index of each token's.

    `pairs` are indices of concept features, `pairs_at` the tokens that they belong to.
    """

    starts: NDArray[Any]
    ends: NDArray[Any]
    words: Hashes
    concepts: NDArray[np.uint8]
    pairs: Hashes
    pairs_at: NDArray[Any]


def _bounds(data: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
    kinds = np.frombuffer(data.translate(_CLASSES), np.uint8)
    changed = np.empty(len(kinds), np.bool_)
    changed[:1] = True
    if data.isascii():
        np.not_equal(kinds[1:], kinds[:-1], out=changed[1:])
    else:
        rest = kinds == _REST
        whole = kinds.copy()
        for _ in range(3):
            whole[1:] = np.where(rest[1:], whole[:-1], kinds[1:])
        np.not_equal(whole[1:], whole[:-1], out=changed[1:])
        changed |= kinds == _ALONE
        kinds = whole
    at = np.flatnonzero(changed)
    ends = np.append(at[1:], len(kinds))
    tokens = kinds[at] != _SPACE
    return at[tokens], ends[tokens]


def _mixed(values: Hashes) -> Hashes:
    values ^= values >> _U32(15)
    values *= _U32(0x2C1B3C6D)
    values ^= values >> _U32(13)
    return values


def _hashes(data: bytes) -> tuple[NDArray[Any], NDArray[Any], Hashes]:
    """Where tokens start and end, and two rows: the hashes of the tokens and of their stems."""
    starts, ends = _bounds(data)
    raw = np.frombuffer(data, np.uint8)
    sums = np.zeros(len(raw) + 1, _U32)
    np.cumsum((raw + _U32(1)) * _POWERS[: len(raw)], dtype=_U32, out=sums[1:])
    until = np.stack((ends, np.minimum(ends, starts + _STEM[raw[starts]])))
    return starts, ends, _mixed((sums[until] - sums[starts]) * _INVERSE[starts])


def _two(first: Hashes, second: Hashes, salt: int) -> Hashes:
    return (first * _U32(_SALT[salt]) ^ second) * _U32(_SALT[salt + 1])


@cache
def _lexicon() -> tuple[np.uint32, Hashes, NDArray[np.uint8]]:
    """A table of concepts: the factor that makes a hash its index, the hash that is at each index, and its concept."""
    found: dict[int, int] = {}
    for number, words in WORDS.items():
        for word in words.split():
            _, _, hashes = _hashes(plain(word.rstrip("*").replace("_", " ")).encode())
            row = hashes[0]
            if word.endswith("*"):
                key = int(hashes[1, 0]) ^ _STEMS
            else:
                key = int(_two(row[-2:-1], row[-1:], 4)[0]) if len(row) > 1 else int(row[0])
            found.setdefault(key, number)
    keys, concepts = np.array(list(found), _U32), np.array(list(found.values()), np.uint8)
    # With the first factor that gives each its own index, one look is enough.
    for factor in range(1, 1 << 16, 2):
        index = keys * _U32(factor * _FACTOR & 0xFFFFFFFF) >> _U32(_SHIFT)
        if len(np.unique(index)) == len(index):
            break
    check, concept = np.zeros(1 << (32 - _SHIFT), _U32), np.zeros(1 << (32 - _SHIFT), np.uint8)
    check[index], concept[index] = keys, concepts
    return _U32(factor * _FACTOR & 0xFFFFFFFF), check, concept


def features(data: bytes) -> Features:
    """The features of a text without its disguises, in UTF-8, of at most LONGEST bytes."""
    starts, ends, hashes = _hashes(data)
    count = len(starts)
    stems = hashes[1]
    words = np.zeros((KINDS, count), _U32)
    words[0:2] = hashes * _U32(_SALT[0])
    words[1] ^= _U32(_SALT[1])
    if count > 1:
        words[2:4, 1:] = pairs = _two(hashes[:, :-1], hashes[:, 1:], 0)
        words[4, 2:] = _two(stems[:-2], stems[2:], 2)
        words[5, 2:] = _two(pairs[1, :-1], stems[2:], 3)
        words[6, 3:] = _two(stems[:-3], stems[3:], 5)
    words >>= _U32(_SIZE)
    factor, check, concept = _lexicon()
    keys = np.zeros((3, count), _U32)
    keys[0] = hashes[0]
    keys[1] = stems ^ _U32(_STEMS)
    if count > 1:
        keys[2, 1:] = _two(hashes[0, :-1], hashes[0, 1:], 4)
    index = keys * factor >> _U32(_SHIFT)
    word, stem, phrase = concept.take(index) * (check.take(index) == keys)
    concepts = np.where(phrase, phrase, np.where(word, word, stem))
    at = np.flatnonzero(concepts)
    return Features(starts, ends, words, concepts, *_pairs(at, concepts[at].astype(_U32)))


def _pairs(at: NDArray[Any], concepts: Hashes) -> tuple[Hashes, NDArray[Any]]:
    """Concepts by themselves, with each of the three before them, and three in a row."""
    alone = (concepts + _U32(1)) * _U32(_SALT[7])
    if len(at) < 2:
        return alone >> _U32(_SIZE), at
    steps = range(1, min(4, len(at)))
    before = np.concatenate([at[:-step] for step in steps])
    after = np.concatenate([at[step:] for step in steps])
    one = np.concatenate([concepts[:-step] for step in steps])
    other = np.concatenate([concepts[step:] for step in steps])
    gap = after - before
    near = np.minimum(gap // 3, 5).astype(_U32)
    apart = (((one << _U32(6)) + other << _U32(3)) + near) * _U32(_SALT[6])
    # In either order: a verb stands at the end in German, Turkish, Hindi, Japanese and Korean.
    either = ((np.minimum(one, other) << _U32(6)) + np.maximum(one, other) + _U32(1)) * _U32(_SALT[5])
    # Three in a row are the first step with the second concept of the next.
    row = len(at) - 2
    three = (((one[:row] << _U32(5)) + other[:row] << _U32(5)) + other[1 : row + 1] + _U32(1)) * _U32(_SALT[4])
    close = gap <= _REACH
    near_three = at[2:] - at[:-2] <= _REACH
    found = np.concatenate((alone, apart[close], either[close], three[near_three]))
    return found >> _U32(_SIZE), np.concatenate((at, after[close], after[close], at[2:][near_three]))
