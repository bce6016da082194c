"""Concepts that stand together: the part of a text's features that is the same in every language.

A concept counts by itself, with each of the three concepts before it, and with the two before it together, as far as
those are near. Each of these is a code, a number in one table; what is far away has the last one, or 0. A code stands
for one feature or two, or for none.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extproc.policies.salts import SALT, SIZE, Hashes

# Tokens between concepts that belong together.
REACH = 18
# All concepts of the lexicon are numbers of so many bits.
CONCEPT_BITS = 4

# How codes are made: three concepts from 0 on, the one before first; from _TWO on the distance of two concepts, the one
# before, and the other, which is itself at no distance.
_TWO = 1 << 3 * CONCEPT_BITS
_APART = 2 * CONCEPT_BITS
FAR = _TWO + (REACH + 1 << _APART)
# As arrays without dimensions, as in salts.py.
_FIRST, _SHIFT, _BITS, _FAR = (np.array(value, np.intp) for value in (_TWO, _APART, CONCEPT_BITS, FAR))
_BEFORE, _BOTH = np.array(0xF0, np.intp), np.array(0xFF, np.intp)
_NOWHERE = -1 << 40

Codes = NDArray[np.intp]


def codes(places: Codes, concepts: Codes) -> Codes:
    """Of concepts at those tokens, five rows: with the third, second and first before each, itself, and three in a row.

    Codes of FAR and above are what is far away.
    """
    count = len(places)
    found = np.empty((5, count), np.intp)
    if not count:
        return found
    here = places << _SHIFT
    # Before the first stand three that are too far away from everything.
    behind = np.empty(count + 3, np.intp)
    behind[:3] = _NOWHERE
    np.subtract(here, concepts << _BITS, behind[3:])
    here += concepts
    here += _FIRST
    # Four rows, each of which begins one later in the same memory.
    np.subtract(here, np.ndarray((4, count), np.intp, behind, 0, (behind.itemsize, behind.itemsize)), found[:4])
    second = found[1]
    np.multiply((found[2] & _BEFORE) << _BITS | second & _BOTH, second < _FAR, found[4])
    return found


def expanded(found: Codes, at: NDArray[Any]) -> tuple[Hashes, NDArray[Any]]:
    """All features of the codes of the concepts at those tokens, and the tokens that each belongs to."""
    first, second = _features()
    by_distance = found[2::-1].ravel()
    near = (by_distance < FAR).nonzero()[0]
    two, tokens = by_distance[near], at[near % max(1, len(at))]
    three = found[4].nonzero()[0]
    pairs = np.concatenate((first[found[3]], first[two], second[two], first[found[4][three]]))
    return pairs.astype(np.uint32), np.concatenate((at, tokens, tokens, at[three]))


def evidence(weights: NDArray[np.int8]) -> NDArray[np.int16]:
    """What the features of each code weigh together; for codes of FAR and above is the last."""
    known = _features()
    weighed: NDArray[np.int16] = np.where(known < 0, 0, weights[known]).sum(0, dtype=np.int16)
    return weighed


@cache
def _features() -> NDArray[np.int32]:
    """Two rows: the features of each code, -1 for none."""
    number = np.arange(1 << CONCEPT_BITS, dtype=np.uint32)
    one, other = number[:, None], number[None, :]
    alone = (number + 1) * SALT[7]
    near = np.minimum(np.arange(REACH + 1) // 3, 5).astype(np.uint32)[:, None, None]
    apart = ((one << 6) + other << 3) + near
    # In either order: a verb stands at the end in German, Turkish, Hindi, Japanese and Korean.
    either = ((np.minimum(one, other) << 6) + np.maximum(one, other) + 1) * SALT[5]
    three = ((one[..., None] << 5) + other[..., None] << 5) + number + 1
    found = np.full((2, FAR + 1), -1, np.int32)
    found[0, :_TWO] = (three.swapaxes(0, 1).ravel() * SALT[4]) >> SIZE
    found[0, _TWO:FAR] = (apart.ravel() * SALT[6]) >> SIZE
    found[1, _TWO:FAR] = np.tile(either.ravel() >> SIZE, REACH + 1)
    # What is too far away for three, and what stands by itself.
    found[0, 0] = -1
    itself = _TWO + np.arange(1 << CONCEPT_BITS) * ((1 << CONCEPT_BITS) + 1)
    found[:, itself] = alone >> SIZE, np.full(len(itself), -1)
    return found
