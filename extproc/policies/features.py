"""A text as hashed features of its words, for the linear model: integer arithmetic, the same on every machine.

A token is a run of letters and digits, a run of signs, or one character of Chinese, Japanese, Korean or an emoji. Its
features are hashes: of itself and of its stem, of both with the token before it, and of the stem with the two before
that; and where it names a concept (lexicon.py), of that with the concepts before it. So a word that no training text
held still counts through its stem and its concept.

Most texts have some hundred tokens. Of a call of numpy on so many nearly all is the call (0.3 µs), so there are as few
as can be: what is alike is done in the rows of one array, and in place.
"""

from __future__ import annotations

from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from extproc.policies.lexicon import WORDS
from extproc.policies.pairs import Codes, codes, expanded
from extproc.policies.salts import SALT, SIZE, Hashes, constant
from extproc.policies.views import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

# Changes whenever the features of some text do, or the windows; a file of weights names the one that it was made for.
VERSION = 2
# Features of each token, those of concepts apart.
KINDS = 7
# At most so many bytes at once: the tables of powers below are that long.
LONGEST = 1 << 15

# Odd, so that it has an inverse modulo 2**32.
_FACTOR = 0x5BD1E995
_MIX = tuple(map(constant, (15, 0x2C1B3C6D, 13)))

# Bits of a hash that the lexicon's table does not look at, and what tells stems in it from words.
_SHIFT = constant(15)
_STEMS = constant(0xA5A50000)

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
_BEFORE = b"\xff"
# Bytes of a stem, by a token's first byte plus one: five letters of Latin, Greek, Cyrillic, Hebrew or Arabic, four of
# Hindi.
_STEM = np.array([5 if code < 0xC0 else 10 if code < 0xE0 else 12 for code in (0, *range(255))], np.intp)
_LATIN_STEM = np.array(5, np.intp)


def _powers(factor: int) -> Hashes:
    """From that of 0 to that of LONGEST + 1, modulo 2**32."""
    factors = np.full(LONGEST + 2, factor, np.uint32)
    factors[0] = 1
    return np.multiply.accumulate(factors, 0, np.uint32)


_POWERS = _powers(_FACTOR)
# By where a token starts: the first byte is multiplied with the factor itself.
_INVERSE = _powers(pow(_FACTOR, -1, 1 << 32))[1:]

# A pair's hash is (first * one salt ^ second) * another. Of stems two and three tokens before: the first salt of each.
_BACK = np.stack((SALT[2], SALT[5]))[:, None]
# Of the pair of the two tokens before, which begins a third feature: its second salt times the first of that.
_PAIR = SALT[1] * SALT[3]
_PHRASE = SALT[4], SALT[5]


class Features(NamedTuple):
    """Of n tokens: where each starts and ends, in bytes; for each kind of feature the index of each token's.

    `concepts` are those of all tokens, 0 for none, and `at` the tokens that have one; `codes` say which stand together
    (pairs.py). `heads` are the first tokens of further texts.
    """

    starts: Codes
    ends: Codes
    words: Hashes
    concepts: Codes
    at: Codes
    codes: Codes
    heads: Codes

    @property
    def pairs(self) -> Hashes:
        """The indices of all concept features."""
        return expanded(self.codes, self.at)[0]

    @property
    def pairs_at(self) -> Codes:
        """The tokens that `pairs` belong to."""
        return expanded(self.codes, self.at)[1]


def _bounds(data: bytes) -> tuple[Codes, Codes]:
    """Where tokens start and end."""
    classes = data.translate(_CLASSES)
    # The class of each byte between two blanks: a token begins and ends where the class is another.
    if data.isascii():
        kinds = np.frombuffer(b"\0%b\0" % classes, np.uint8)
        changed = kinds[1:] != kinds[:-1]
    else:
        own = np.frombuffer(classes, np.uint8)
        kinds = np.zeros(len(own) + 2, np.uint8)
        whole = kinds[1:-1]
        whole[:] = own
        rest = own[1:] == _REST
        for _ in range(3):
            whole[1:] = np.where(rest, whole[:-1], own[1:])
        changed = kinds[1:] != kinds[:-1]
        changed[:-1] |= own == _ALONE
    at = changed.nonzero()[0]
    tokens = kinds[1:].take(at).nonzero()[0]
    return at.take(tokens), at[1:].take(tokens)


def _hashes(data: bytes) -> tuple[Codes, Codes, Hashes]:
    """Where tokens start and end, and two rows: the hashes of the tokens and of their stems."""
    starts, ends = _bounds(data)
    # Plus one, so that a NUL counts, too; and a 0 before the first, so that the sums begin with one.
    raw = np.frombuffer((_BEFORE + data).translate(_ONE_MORE), np.uint8)
    sums = np.add.accumulate(raw * _POWERS[: len(raw)], 0, np.uint32)
    until = np.empty((2, len(starts)), np.intp)
    until[0] = ends
    np.minimum(ends, starts + (_LATIN_STEM if data.isascii() else _STEM.take(raw[1:].take(starts))), out=until[1])
    values = sums.take(until)
    values -= sums.take(starts)
    values *= _INVERSE.take(starts)
    values ^= values >> _MIX[0]
    values *= _MIX[1]
    values ^= values >> _MIX[2]
    return starts, ends, values


class _Lexicon(NamedTuple):
    """A table of concepts by the products of hashes with a factor, which is in `salts`.

    A product's upper bits are its index, and at the index are the lower ones that it must have, and the concept.
    `salts` multiply the rows of pairs and of keys.
    """

    salts: Hashes
    lower: NDArray[np.uint16]
    concepts: NDArray[np.uint8]


@cache
def _lexicon() -> _Lexicon:
    named = [(word, number) for number, words in WORDS.items() for word in words.split()]
    # All at once, each on a line: by themselves they would take 20 ms.
    lines = [plain(word.rstrip("*").replace("_", " ")).encode() for word, _ in named]
    starts, _, (full, stems) = _hashes(b"\n".join(lines))
    ends = starts.searchsorted([*accumulate(len(line) + 1 for line in lines)])
    found: dict[int, int] = {}
    for (word, number), start, end in zip(named, [0, *ends[:-1]], ends, strict=True):
        if word.endswith("*"):
            key = stems[start] ^ _STEMS
        elif end - start > 1:
            key = (full[end - 2] * _PHRASE[0] ^ full[end - 1]) * _PHRASE[1]
        else:
            key = full[start]
        found.setdefault(int(key), number)
    keys, concepts = np.array(list(found), np.uint32), np.array(list(found.values()), np.uint8)
    # With the first factor that gives each its own index, one look is enough.
    for number in range(1, 1 << 16, 2):
        factor = constant(number * _FACTOR & 0xFFFFFFFF)
        products = keys * factor
        index = products >> _SHIFT
        # numpy.unique would load numpy.ma, 2 MB that nothing else needs.
        if len(set(index.tolist())) == len(index):
            break
    # The highest of the lower bits is the lowest of the index. Where nothing is, it is the other.
    lower = (~np.arange(1 << 32 - int(_SHIFT)) << int(_SHIFT)).astype(np.uint16)
    concept = np.zeros(len(lower), np.uint8)
    lower[index], concept[index] = products.astype(np.uint16), concepts
    salts = (SALT[1], SALT[1], SALT[3], SALT[4], SALT[6], factor, factor, _PHRASE[1] * factor)
    return _Lexicon(np.stack(salts)[:, None], lower, concept)


def features(data: bytes, further: Sequence[int] = ()) -> Features:
    """The features of a text without its disguises, in UTF-8, of at most LONGEST bytes.

    With `further` it is several texts, each behind a NUL: where the second begins, and all after it. They have the
    features that each would have by itself.
    """
    starts, ends, hashes = _hashes(data)
    count = len(starts)
    heads = starts.searchsorted(further) if further else _NONE
    lexicon = _lexicon()
    full, stems = hashes[0], hashes[1]
    # The words' features, then what is looked for in the lexicon: stems, words, and words with the one before.
    rows = np.zeros((KINDS + 3, count), np.uint32)
    words, keys, alone = rows[:KINDS], rows[KINDS:], rows[1]
    np.multiply(hashes, SALT[0], rows[:2])
    np.bitwise_xor(rows[:2, :-1], hashes[:, 1:], rows[2:4, 1:])
    np.bitwise_xor(alone, SALT[1], alone)
    back = stems * _BACK
    np.bitwise_xor(back[0, :-2], stems[2:], rows[4, 2:])
    np.bitwise_xor(back[1, :-3], stems[3:], rows[6, 3:])
    three = rows[5, 2:]
    np.multiply(rows[3, 1:-1], _PAIR, three)
    np.bitwise_xor(three, stems[2:], three)
    np.bitwise_xor(stems, _STEMS, keys[0])
    keys[1] = full
    np.bitwise_xor(full[:-1] * _PHRASE[0], full[1:], keys[2, 1:])
    salted = rows[2:]
    np.multiply(salted, lexicon.salts, salted)
    if further:
        # Nothing goes back behind a text's beginning.
        heads_of = [heads[heads < count - more] + more for more in range(3)]
        words[2:, heads_of[0]] = words[4:, heads_of[1]] = words[6, heads_of[2]] = keys[2, heads_of[0]] = 0
    np.right_shift(words, SIZE, words)
    index = keys >> _SHIFT
    hits = (lexicon.lower.take(index) == keys.astype(np.uint16)).ravel().nonzero()[0]
    concepts = np.zeros(count, np.intp)
    # The last counts: a phrase before a word, a word before a stem.
    concepts[hits % count if count else hits] = lexicon.concepts.take(index.ravel().take(hits))
    at = concepts.nonzero()[0]
    # Concepts of different texts are far apart.
    places = at + heads.searchsorted(at, side="right") * LONGEST if further else at
    return Features(starts, ends, words, concepts, at, codes(places, concepts.take(at)), heads)
