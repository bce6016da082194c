r"""Terms with a few letters changed, added or left out, as rules for the scan engine.

RE2 cannot count differences, but it can find where they are worth counting: a term cut into one piece more than the
edits allowed has at least one piece left whole. So an expression finds words around such a piece, and the refinement
measures the Levenshtein distance of all of them together, with a step of a few machine words for each character
(Hyyrö 2003, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances").

What is compared begins and ends where words do and has as many words as the term, or fewer: an edit may join words,
it does not split one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import re2

from extproc.policies.base import Span

# What continues a word: RE2's `\b` knows ASCII only, and \pL is 1,200 instructions for each use.
WORD = r"A-Za-z0-9_\x{C0}-\x{52F}"
WORD_CHARACTER = re.compile("[A-Za-z0-9_\u00c0-\u052f]")
_WORDS = re.compile(f"{WORD_CHARACTER.pattern}+")
# Longer terms are found exactly: an expression counts what it may skip.
LONGEST = 64
# Terms that may be searched for with more than two edits: each is measured against most words that come.
MOST_TERMS = 100
# Characters that one expression may count, more than a user's: a word's beginning anchors it, so that its automaton
# stays small. With 560, a thousand terms of two words took 740 MB in 64 expressions; with 3,000, 360 MB in 11.
TOGETHER = 3000


def shortest(distance: int) -> int:
    """Characters that a term needs: most words are as near to a short one, and its pieces stand in most words.

    Above two edits, three for each piece: with two, a thousand terms of 18 characters and eight edits took seconds for
    8 KB.
    """
    return 2 * distance + 1 if distance <= 2 else 3 * (distance + 1)


def too_short(term: str, distance: int) -> str | None:
    """Why a term cannot be searched for with that many edits, if it is too short for it."""
    size, least = len(term.strip()), shortest(distance)
    return None if size >= least else f"{size} characters are too few for max_distance {distance}, which takes {least}"


def fits(term: str, distance: int) -> bool:
    """Whether a term can be searched for with that many edits; if not, it is found exactly."""
    words = _WORDS.findall(term)
    fewest = max(1, len(words) - distance)
    return (
        shortest(distance) <= len(term) <= LONGEST
        and bool(WORD_CHARACTER.match(term[0]) and WORD_CHARACTER.match(term[-1]))
        # A piece more than edits allowed, each a part of a word.
        and sum(map(len, words)) > distance
        and all(_size([_Cut(term, distance)], count) <= TOGETHER for count in range(fewest, len(words) + 1))
    )


@dataclass(frozen=True, slots=True)
class _Cut:
    """A term, and one piece more than `distance` of it, each inside a word: (word, offset in the term, piece)."""

    term: str
    distance: int
    words: int = field(init=False)
    pieces: tuple[tuple[int, int, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        words = [(found.start(), found.group()) for found in _WORDS.finditer(self.term)]
        shares = [0] * len(words)
        for _ in range(self.distance + 1):
            # To the word whose pieces stay longest.
            richest = max(range(len(words)), key=lambda at: len(words[at][1]) / (shares[at] + 1))
            shares[richest] += 1
        pieces = []
        for at, ((start, word), share) in enumerate(zip(words, shares, strict=True)):
            borders = [len(word) * part // share for part in range(share + 1)] if share else []
            pieces += [(at, start + low, word[low:high]) for low, high in pairwise(borders)]
        object.__setattr__(self, "words", len(words))
        object.__setattr__(self, "pieces", tuple(pieces))


class Near:
    """The refinement of one expression: whether the words found are within `distance` of a term."""

    __slots__ = ("_distance", "_pieces", "_sizes")

    def __init__(self, cuts: Sequence[_Cut], distance: int) -> None:
        self._distance = distance
        # By piece: the terms that have it, and where.
        self._pieces: dict[str, list[tuple[int, _Term]]] = {}
        for cut in cuts:
            term = _Term(cut.term)
            for _, offset, piece in cut.pieces:
                self._pieces.setdefault(piece, []).append((offset, term))
        self._sizes = sorted({len(piece) for piece in self._pieces})

    def __call__(self, candidate: str, before: str) -> Sequence[Span]:
        """The candidate without the character that shows the end of its last word."""
        if WORD_CHARACTER.match(before[-1:]):
            return ()
        end = len(candidate) - (not WORD_CHARACTER.match(candidate[-1]))
        return ((0, end),) if self._near(candidate[:end].lower()) else ()

    def _near(self, words: str) -> bool:
        most = self._distance
        letters = _letters(words)
        measured = set()
        for size in self._sizes:
            for at in range(len(words) - size + 1):
                for offset, term in self._pieces.get(words[at : at + size], ()):
                    if (
                        abs(at - offset) <= most
                        and abs(len(words) - term.length) <= most
                        # Each edit brings at most one new letter, and loses at most one.
                        and (term.letters & ~letters).bit_count() <= most
                        and (letters & ~term.letters).bit_count() <= most
                        and term not in measured
                    ):
                        if term.distance(words) <= most:
                            return True
                        measured.add(term)
        return False


def _letters(text: str) -> int:
    """Which characters stand in a text, roughly: one bit for each of 64 remainders."""
    letters = 0
    for character in text:
        letters |= 1 << (ord(character) & 63)
    return letters


class _Term:
    """A term prepared for measuring: for each character, the places where it stands, as bits."""

    __slots__ = ("_places", "length", "letters")

    def __init__(self, term: str) -> None:
        self.length = len(term)
        self.letters = _letters(term)
        self._places: dict[str, int] = {}
        for at, character in enumerate(term):
            self._places[character] = self._places.get(character, 0) | 1 << at

    def distance(self, text: str) -> int:
        """The Levenshtein distance to a text: changes, additions and omissions of one character."""
        everywhere, last = (1 << self.length) - 1, 1 << (self.length - 1)
        # Bits say where a column of the matrix of distances rises, and where it falls, from one row to the next.
        rises, falls = everywhere, 0
        distance = self.length
        for character in text:
            same = self._places.get(character, 0)
            diagonal = (((same & rises) + rises) ^ rises) | same | falls
            right_rises = falls | ~(diagonal | rises) & everywhere
            right_falls = rises & diagonal
            distance += bool(right_rises & last) - bool(right_falls & last)
            right_rises = (right_rises << 1 | 1) & everywhere
            right_falls = right_falls << 1 & everywhere
            rises = right_falls | ~(diagonal | right_rises) & everywhere
            falls = right_rises & diagonal
        return distance


def expressions(terms: Sequence[str], distance: int) -> Iterator[tuple[str, Near, bool]]:
    """Expressions that together find every term within `distance` edits: (expression, refinement, several words).

    Terms are those that `fits` accepts. A candidate of several words must be looked into again from its second
    character (`Rule.again`): the words before a term may look like its beginning.
    """
    cuts = [_Cut(term, distance) for term in dict.fromkeys(term.strip().lower() for term in terms)]
    by_words: dict[int, list[_Cut]] = {}
    for cut in sorted(cuts, key=lambda cut: (len(cut.term), cut.term)):
        for words in range(max(1, cut.words - distance), cut.words + 1):
            by_words.setdefault(words, []).append(cut)
    for words, group in sorted(by_words.items()):
        for batch in _batches(group, words):
            yield _expression(batch, words), Near(batch, distance), words > 1


def _batches(cuts: Sequence[_Cut], words: int) -> Iterator[list[_Cut]]:
    batch: list[_Cut] = []
    for cut in cuts:
        if batch and _size([*batch, cut], words) > TOGETHER:
            yield batch
            batch = []
        batch.append(cut)
    if batch:
        yield batch


def _places(cuts: Sequence[_Cut], words: int) -> Mapping[int, list[str]]:
    """By word of the candidate: the pieces that may stand in it. Where words were joined, all may stand in any."""
    pieces: dict[int, set[str]] = {}
    for cut in cuts:
        for word, _, piece in cut.pieces:
            for at in (word,) if cut.words == words else range(words):
                pieces.setdefault(at, set()).add(piece)
    return {at: sorted(found, key=lambda piece: (-len(piece), piece)) for at, found in sorted(pieces.items())}


def _longest(cuts: Sequence[_Cut], words: int) -> int:
    """Characters that a word of a candidate has at most."""
    return max(
        (max(map(len, _WORDS.findall(cut.term))) if cut.words == words else len(cut.term)) + cut.distance
        for cut in cuts
    )


def _size(cuts: Sequence[_Cut], words: int) -> int:
    """How many characters the expression counts."""
    longest, separator = _longest(cuts, words), 1 + cuts[0].distance
    around = 2 * longest + 1 + (words - 1) * (longest + separator)
    return 1 + sum(sum(map(len, pieces)) + around for pieces in _places(cuts, words).values())


def _expression(cuts: Sequence[_Cut], words: int) -> str:
    longest, separator = _longest(cuts, words), rf"[^{WORD}]{{1,{1 + cuts[0].distance}}}"
    # A word begins at a boundary, or with a letter that `\b` does not know; `Near` looks closer.
    begins = rf"(?:\b[{WORD}]|[\x{{C0}}-\x{{52F}}])[{WORD}]{{0,{longest - 1}}}"
    branches = []
    for at, pieces in _places(cuts, words).items():
        anchor = rf"(?:{'|'.join(map(re2.escape, pieces))})[{WORD}]{{0,{longest}}}"
        further = rf"(?:[{WORD}]{{1,{longest}}}{separator}){{{at - 1}}}" if at > 1 else ""
        ahead = rf"{begins}{separator}{further}[{WORD}]{{0,{longest}}}" if at else rf"(?:{begins})?"
        behind = rf"(?:{separator}[{WORD}]{{1,{longest}}}){{{words - 1 - at}}}" if at < words - 1 else ""
        branches.append(ahead + anchor + behind)
    return rf"(?i)(?:{'|'.join(branches)})(?:[^{WORD}]|\z)"
