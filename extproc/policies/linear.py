"""The linear model of prompt-injection: one weight of a byte for each hashed feature, and a calibration.

The file of weights is made by scripts/train_injection: a line of JSON (features' version, calibration, hash of the
data, what was held out and how it was scored), then the weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import accumulate, pairwise
from math import exp
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from extproc.policies.features import LONGEST, VERSION, Features, features
from extproc.policies.lexicon import (
    EARLIER,
    FREE,
    HIDDEN,
    IGNORE,
    LIMITS,
    MACHINE,
    ORDERS,
    PRETEND,
    PROMPT,
    REVEAL,
    SECRET,
)
from extproc.policies.pairs import evidence
from extproc.policies.salts import BITS
from extproc.policies.windows import best

FILE = "injection.weights"
# Bytes that two parts of a longer text share, so that no window is cut.
_SHARED = 2048
# A score from which on repetitions are looked for.
_SUSPECT = 0.5
# Tokens in which something comes for the third time. With more, repeated attacks lose more than repeated words.
_SHORTLY = 48
# What the concepts of a window call an attack, in this order.
_FAMILIES: tuple[tuple[str, frozenset[int], frozenset[int]], ...] = (
    ("override", frozenset({IGNORE}), frozenset({ORDERS, EARLIER, LIMITS, PROMPT})),
    ("prompt extraction", frozenset({REVEAL}), frozenset({PROMPT, HIDDEN, SECRET, ORDERS, EARLIER})),
    ("prompt extraction", frozenset({PROMPT, SECRET, HIDDEN}), frozenset({PROMPT, HIDDEN, SECRET, ORDERS})),
    ("jailbreak", frozenset({FREE, LIMITS, PRETEND}), frozenset({FREE, LIMITS, PRETEND, MACHINE})),
)


class Scored(NamedTuple):
    """A probability, what the attack looks like, and the bytes of the window that scored."""

    score: float
    family: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """The score of a window is logistic(slope * strength + offset); the text's is its best window's."""

    weights: NDArray[np.int8]
    slope: float
    offset: float
    about: Mapping[str, Any]
    # Of the codes of concepts.
    evidence: NDArray[np.int16] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", evidence(self.weights))

    def score(self, data: bytes, least: float = 0.0) -> Scored:
        """Of a text without its disguises, in UTF-8, of any length. Of a score below `least` nothing else is told."""
        if len(data) <= LONGEST:
            return self._part(data, 0, least)
        parts = range(0, len(data) - _SHARED, LONGEST - _SHARED)
        return max((self._part(data, at, least) for at in parts), key=lambda scored: scored.score)

    def scores(self, texts: Sequence[bytes], least: float = 0.0) -> list[Scored]:
        """Of several texts at once, which costs little more than of one.

        They have LONGEST bytes together, and one between each and the next.
        """
        firsts = [0, *accumulate(len(text) + 1 for text in texts[:-1])]
        found = features(b"\0".join(texts), firsts[1:])
        tokens = self._weighed(found)
        heads = [0, *found.heads.tolist(), len(tokens)]
        return [
            self._strongest(found, tokens, slice(*bounds), least, -first)
            for first, bounds in zip(firsts, pairwise(heads), strict=True)
        ]

    def _part(self, data: bytes, first: int, least: float) -> Scored:
        found = features(data[first : first + LONGEST])
        tokens = self._weighed(found)
        return self._strongest(found, tokens, slice(0, len(tokens)), least, first)

    def _weighed(self, found: Features) -> NDArray[np.int16]:
        """The evidence of each token."""
        # At most 7 weights of a byte and 8 more for its concept.
        tokens: NDArray[np.int16] = np.add.reduce(self.weights.take(found.words), 0, np.int16)
        if len(found.at):
            tokens[found.at] += np.add.reduce(self.evidence.take(found.codes, mode="clip"), 0, np.int16)
        return tokens

    def _strongest(self, found: Features, weighed: NDArray[np.int16], of: slice, least: float, first: int) -> Scored:
        """Of the tokens of one text. `first` is added to positions in bytes."""
        tokens = weighed[of]
        if not len(tokens):
            return Scored(0.0, "", 0, 0)
        strength, start, end = _strongest(tokens)
        score = self._probability(strength)
        if score >= _SUSPECT:
            # "No, no, no": evidence that is the same again is none. Most texts need not be looked at for that.
            _once(tokens, found.words[2, of])
            strength, start, end = _strongest(tokens)
            score = self._probability(strength)
        if score < least:
            return Scored(score, "", 0, 0)
        for_it = (tokens[start:end] > 0).nonzero()[0]
        if len(for_it):
            start, end = start + int(for_it[0]), start + int(for_it[-1]) + 1
        named = frozenset(found.concepts[of][start:end].tolist())
        starts, ends = found.starts[of], found.ends[of]
        return Scored(score, _family(named), first + int(starts[start]), first + int(ends[end - 1]))

    def _probability(self, strength: float) -> float:
        # exp may differ in its last bit between machines: of the score four decimals count.
        return round(1 / (1 + exp(-max(-30.0, min(30.0, self.slope * strength + self.offset)))), 4)


def _strongest(tokens: NDArray[np.int16]) -> tuple[float, int, int]:
    sums = np.zeros(len(tokens) + 1, np.int32)
    np.add.accumulate(tokens, 0, np.int32, sums[1:])
    return best(sums)


def _once(tokens: NDArray[np.int16], pairs: NDArray[np.uint32]) -> None:
    """Take the evidence from tokens that have stood twice behind the same token shortly before."""
    order = np.argsort(pairs, kind="stable")
    same = pairs[order[2:]] == pairs[order[:-2]]
    again = order[2:][same & (order[2:] - order[:-2] <= _SHORTLY)]
    tokens[again] = np.minimum(tokens[again], 0)


def _family(concepts: frozenset[int]) -> str:
    for family, one, other in _FAMILIES:
        if concepts & one and concepts & other and len(concepts & (one | other)) > 1:
            return family
    return "attack"


def read(data: bytes) -> Linear:
    """A model of its file. Raises ValueError when it was made for other features."""
    head, _, body = data.partition(b"\n")
    about = json.loads(head)
    if (about["features"], about["bits"], len(body)) != (VERSION, BITS, 1 << BITS):
        raise ValueError("the weights were made for other features: run scripts/train_injection")
    return Linear(np.frombuffer(body, np.int8), about["slope"], about["offset"], about)


@cache
def shipped() -> Linear:
    """The model in the package."""
    model = read((files("extproc.policies") / FILE).read_bytes())
    # So that the tables behind the features are made, too, before the first request.
    model.score(b"")
    return model
