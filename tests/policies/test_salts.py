"""The numbers that features are hashed with."""

from __future__ import annotations

import numpy as np

from extproc.policies.salts import BITS, SALT, SIZE, constant


def test_no_salt_loses_a_bit():
    """Each is odd, so that a product modulo 2**32 says what was multiplied, and none is there twice."""
    assert all(int(salt) % 2 for salt in SALT)
    assert len(set(map(int, SALT))) == len(SALT)


def test_an_index_has_as_many_bits_as_there_are_weights():
    """The largest hash becomes the last index, and stays a number of 32 bits."""
    index = constant(0xFFFFFFFF) >> SIZE
    assert int(index) == (1 << BITS) - 1
    assert index.dtype == np.uint32
