"""Concepts that stand together: which features they have, and that their codes weigh what those features weigh."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.pairs import CONCEPT_BITS, FAR, REACH, codes, evidence, expanded
from extproc.policies.salts import BITS

WEIGHTS = np.random.default_rng(1).integers(-128, 128, 1 << BITS, np.int8)
# The distance of each concept from the one before it, and the concept.
SAID = st.lists(st.tuples(st.integers(1, 2 * REACH), st.integers(1, (1 << CONCEPT_BITS) - 1)), max_size=12)


def placed(said):
    """Where concepts stand, and which they are."""
    steps, concepts = ([*column] for column in zip(*said, strict=True)) if said else ([], [])
    return np.cumsum(steps, dtype=np.intp), np.array(concepts, np.intp)


@given(SAID)
def test_each_stands_with_the_three_before_it_that_are_near(said):
    """A concept has one feature by itself, two with each near one of three before it, and one with two near ones."""
    places, concepts = placed(said)
    at = np.arange(len(said))
    _, of = expanded(codes(places, concepts), at)
    before = [[places[here] - places[other] <= REACH for other in range(max(0, here - 3), here)] for here in at]
    expected = [1 + 2 * sum(near) + (len(near) > 1 and near[-2]) for near in before]
    assert np.bincount(of, minlength=len(said)).tolist() == expected


@given(SAID)
def test_codes_weigh_what_their_features_weigh(said):
    """Two ways to one number: what is trained with features is what is scored with codes."""
    places, concepts = placed(said)
    found = codes(places, concepts)
    pairs, of = expanded(found, np.arange(len(said)))
    weighed = evidence(WEIGHTS).take(found, mode="clip").sum(0)
    assert weighed.tolist() == np.bincount(of, WEIGHTS[pairs], len(said)).tolist()


def test_what_is_far_away_has_no_code_of_its_own():
    """However far two concepts are apart, and before the first, there is nothing."""
    found = codes(np.array([0, REACH + 1, 1 << 25]), np.array([1, 2, 3]))
    assert (found[:3] >= FAR).all()
    assert not found[4].any()


def test_order_counts():
    """Two concepts in the other order have another feature, and share one that knows no order."""
    one, other = (expanded(codes(np.array([0, 3]), np.array(pair)), np.arange(2))[0] for pair in ([1, 2], [2, 1]))
    assert one[2] != other[2]
    assert one[3] == other[3]
