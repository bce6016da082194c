"""The numbers that hashed features are made with, and how many bits of a hash count: features.py, pairs.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint32]

BITS = 19


def constant(value: int) -> Hashes:
    """As an array without dimensions: numpy takes 0.2 µs more for each number of another kind."""
    return np.array(value, np.uint32)


# By so much a hash is shifted to be a feature's index.
SIZE = constant(32 - BITS)
SALT = tuple(
    map(constant, (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F, 0x165667B1, 0xD3A2646D, 0xFD7046C5, 0xB55A4F09))
)
