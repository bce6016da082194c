"""A text as hashed features of its words, for the linear model: integer arithmetic, the same on every machine.

A token is a run of letters and digits, a run of signs, or one character of Chinese, Japanese, Korean or an emoji. Its
features are hashes: of itself and of its stem, of both with the token before it, and of the stem with the two before
that; and where it names a concept (lexicon.py), of that with the concepts before it. So a word that no training text
held still counts through its stem and its concept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extproc.policies.lexicon import WORDS
from extproc.policies.views import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

# Changes whenever the features of some text do; a file of weights names the one that it was made for.
VERSION = 1
BITS = 19
# Features of each token, those of concepts apart.
KINDS = 7
# At most so many bytes at once: the tables of powers below are that long.
LONGEST = 1 << 15

Hashes = NDArray[np.uint32]
_U32 = np.uint32


def _constant(value: int) -> Hashes:
    """As an array without dimensions: numpy takes 0.2 µs more for each number of another kind."""
    return np.array(value, _U32)


_SIZE = _constant(32 - BITS)
_ONE = _constant(1)
# Odd, so that it has an inverse modulo 2**32.
_FACTOR = 0x5BD1E995
_SALT = tuple(
    map(_constant, (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F, 0x165667B1, 0xD3A2646D, 0xFD7046C5, 0xB55A4F09))
)
_MIX = tuple(map(_constant, (15, 0x2C1B3C6D, 13)))
# Of the three last rows of words, with which each is multiplied at the end.
_LAST_SALTS = np.stack((_SALT[3], _SALT[4], _SALT[6]))[:, None]

# Bits of a hash that the lexicon's table does not look at, and what tells stems in it from words.
_SHIFT = _constant(15)
_STEMS = _constant(0xA5A50000)

# Tokens between concepts that belong together.
_REACH = 18
# Of concepts in a row, with three before them: which is one, two and three before each.
_STEPS = np.array([[2], [1], [0]])
# All concepts of the lexicon are numbers of so many bits.
_CONCEPT_BITS = 4

_NONE = np.empty(0, np.intp)

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
# No byte of UTF-8 is 255.
_ONE_MORE = bytes((*range(1, 256), 0))
# Bytes of a stem, by a token's first byte plus one: five letters of Latin, Greek, Cyrillic, Hebrew or Arabic, four of
# Hindi.
_STEM = np.array([5 if code < 0xC0 else 10 if code < 0xE0 else 12 for code in (0, *range(255))], np.int64)


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

    `pairs` are indices of concept features, `pairs_at` the tokens that they belong to. `heads` are the first tokens of
    further texts.
    """

    starts: NDArray[Any]
    ends: NDArray[Any]
    words: Hashes
    concepts: NDArray[np.uint8]
    pairs: Hashes
    pairs_at: NDArray[Any]
    heads: NDArray[Any]


def _bounds(data: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
    """Where tokens start and end."""
    # The class of each byte, and a space behind the last: a token ends where the next class begins.
    kinds = np.frombuffer(data.translate(_CLASSES) + b"\0", np.uint8)
    changed = np.empty(len(kinds), np.bool_)
    changed[0] = changed[-1] = True
    if data.isascii():
        np.not_equal(kinds[1:-1], kinds[:-2], out=changed[1:-1])
    else:
        rest = kinds == _REST
        whole = kinds.copy()
        for _ in range(3):
            whole[1:] = np.where(rest[1:], whole[:-1], kinds[1:])
        np.not_equal(whole[1:-1], whole[:-2], out=changed[1:-1])
        changed |= kinds == _ALONE
        kinds = whole
    at = changed.nonzero()[0]
    tokens = kinds.take(at).nonzero()[0]
    return at.take(tokens), at.take(tokens + 1)


def _mixed(values: Hashes) -> Hashes:
    values ^= values >> _MIX[0]
    values *= _MIX[1]
    values ^= values >> _MIX[2]
    return values


def _hashes(data: bytes) -> tuple[NDArray[Any], NDArray[Any], Hashes]:
    """Where tokens start and end, and two rows: the hashes of the tokens and of their stems."""
    starts, ends = _bounds(data)
    # So that a NUL counts, too.
    raw = np.frombuffer(data.translate(_ONE_MORE), np.uint8)
    sums = np.zeros(len(raw) + 1, _U32)
    np.add.accumulate(raw * _POWERS[: len(raw)], out=sums[1:])
    until = np.empty((2, len(starts)), ends.dtype)
    until[0] = ends
    np.minimum(ends, starts + (5 if data.isascii() else _STEM.take(raw.take(starts))), out=until[1])
    return starts, ends, _mixed((sums.take(until) - sums.take(starts)) * _INVERSE.take(starts))


def _two(first: Hashes, second: Hashes, salt: int) -> Hashes:
    return (first * _SALT[salt] ^ second) * _SALT[salt + 1]


@cache
def _lexicon() -> tuple[Hashes, Hashes, NDArray[np.uint8]]:
    """A table of concepts: the factor that makes a hash its index, the hash that is at each index, and its concept."""
    found: dict[int, int] = {}
    for number, words in WORDS.items():
        for word in words.split():
            _, _, hashes = _hashes(plain(word.rstrip("*").replace("_", " ")).encode())
            row = hashes[0]
            if word.endswith("*"):
                key = int(hashes[1, 0] ^ _STEMS)
            else:
                key = int(_two(row[-2:-1], row[-1:], 4)[0]) if len(row) > 1 else int(row[0])
            found.setdefault(key, number)
    keys, concepts = np.array(list(found), _U32), np.array(list(found.values()), np.uint8)
    # With the first factor that gives each its own index, one look is enough.
    for factor in range(1, 1 << 16, 2):
        index = keys * _U32(factor * _FACTOR & 0xFFFFFFFF) >> _SHIFT
        if len(np.unique(index)) == len(index):
            break
    size = 1 << 32 - int(_SHIFT)
    check, concept = np.zeros(size, _U32), np.zeros(size, np.uint8)
    check[index], concept[index] = keys, concepts
    return _constant(factor * _FACTOR & 0xFFFFFFFF), check, concept


@cache
def _of_concepts() -> tuple[Hashes, Hashes, Hashes, Hashes]:
    """Tables of features: of a concept; of two, and the tokens between them; of two in either order; of three."""
    number = np.arange(1 << _CONCEPT_BITS, dtype=_U32)
    alone = (number + _ONE) * _SALT[7]
    one, other = number[:, None], number[None, :]
    near = np.minimum(np.arange(_REACH + 1) // 3, 5).astype(_U32)
    apart = (((one[..., None] << _U32(6)) + other[..., None] << _U32(3)) + near) * _SALT[6]
    # In either order: a verb stands at the end in German, Turkish, Hindi, Japanese and Korean.
    either = ((np.minimum(one, other) << _U32(6)) + np.maximum(one, other) + _ONE) * _SALT[5]
    three = (((one[..., None] << _U32(5)) + other[..., None] << _U32(5)) + number + _ONE) * _SALT[4]
    first, second, third, fourth = (table.ravel() >> _SIZE for table in (alone, apart, either, three))
    return first, second, third, fourth


def features(data: bytes, further: Sequence[int] = ()) -> Features:
    """The features of a text without its disguises, in UTF-8, of at most LONGEST bytes.

    With `further` it is several texts, each behind a NUL: where the second begins, and all after it. They have the
    features that each would have by itself.
    """
    starts, ends, hashes = _hashes(data)
    count = len(starts)
    heads = np.searchsorted(starts, further) if further else _NONE
    full, stems = hashes
    # Written in place and by rows: a call of numpy costs more than what it does to the tokens of a message.
    words = np.zeros((KINDS, count), _U32)
    np.multiply(hashes, _SALT[0], out=words[:2])
    # What the pairs begin with is the product that is there.
    np.bitwise_xor(words[:2, :-1], hashes[:, 1:], out=words[2:4, 1:])
    words[1] ^= _SALT[1]
    words[2:4] *= _SALT[1]
    for row, before, steps, salt in ((4, stems, 2, 2), (5, words[3, 1:], 1, 3), (6, stems, 3, 5)):
        first = 2 if row < 6 else 3
        row_of = words[row, first:]
        np.multiply(before[:-steps], _SALT[salt], out=row_of)
        row_of ^= stems[first:]
    words[4:] *= _LAST_SALTS
    words >>= _SIZE
    if further:
        # Nothing goes back behind a text's beginning.
        words[2:, heads[heads < count]] = 0
        words[4:, heads[heads < count - 1] + 1] = 0
        words[6, heads[heads < count - 2] + 2] = 0
    factor, check, concept = _lexicon()
    keys = np.zeros((3, count), _U32)
    keys[0] = full
    np.bitwise_xor(stems, _STEMS, out=keys[1])
    keys[2, 1:] = _two(full[:-1], full[1:], 4)
    if further:
        keys[2, heads[heads < count]] = 0
    index = (keys * factor >> _SHIFT).astype(np.intp)
    word, stem, phrase = concept.take(index) * (check.take(index) == keys)
    concepts = np.where(phrase, phrase, np.where(word, word, stem))
    at = concepts.nonzero()[0]
    # Concepts of different texts are far apart.
    places = at + np.searchsorted(heads, at, side="right") * LONGEST if further else at
    return Features(starts, ends, words, concepts, *_pairs(at, places, concepts.take(at).astype(np.intp)), heads)


def _pairs(at: NDArray[Any], places: NDArray[Any], concepts: NDArray[Any]) -> tuple[Hashes, NDArray[Any]]:
    """Concepts by themselves, with each of the three before them, and three in a row; `at` are their tokens."""
    one, ordered, either, three = _of_concepts()
    count = len(at)
    alone = one.take(concepts)
    if count < 2:
        return alone, at
    # Before the first stand three that are too far away from everything.
    behind = np.empty(count + 3, places.dtype)
    behind[:3], behind[3:] = -LONGEST, places
    named = np.zeros(count + 3, np.intp)
    named[3:] = concepts
    # Of each, in three rows, which is one, two and three before it, and how far away.
    before = np.arange(count) + _STEPS
    gaps = places - behind.take(before)
    close = gaps <= _REACH
    near = close.ravel().nonzero()[0]
    after = near % count
    two = (named.take(before.ravel().take(near)) << _CONCEPT_BITS) + concepts.take(after)
    third = close[1].nonzero()[0]
    row = (named.take(third + 1) << 2 * _CONCEPT_BITS) + (named.take(third + 2) << _CONCEPT_BITS) + concepts.take(third)
    apart = ordered.take(two * (_REACH + 1) + gaps.ravel().take(near))
    found = np.concatenate((alone, apart, either.take(two), three.take(row)))
    tokens = at.take(after)
    return found, np.concatenate((at, tokens, tokens, at.take(third)))
