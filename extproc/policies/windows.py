"""Which part of a text is scored: sliding windows of several lengths, whose best counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Tokens. A short window finds one sentence in a long text, a long one a tone that no sentence shows by itself.
LENGTHS = (12, 48, 192)
# Of a text with fewer tokens than this, evidence counts as if it had so many.
SHORTEST = 8.0

_ROOTS = tuple((length, length**0.5) for length in LENGTHS)


def best(sums: NDArray[Any]) -> tuple[float, int, int]:
    """The strongest window over running sums of the tokens' weights: its strength, first token, and last plus one.

    The strength is the sum over the root of the length: without that long windows would always win, and with the
    length itself always short ones.
    """
    count = len(sums) - 1
    found = (-np.inf, 0, count)
    for length, root in _ROOTS:
        if count <= length:
            whole = (sums.item(-1) - sums.item(0)) / max(float(count), SHORTEST) ** 0.5
            return max(found, (whole, 0, count))
        inside = sums[length:] - sums[:-length]
        at = int(inside.argmax())
        found = max(found, (inside.item(at) / root, at, at + length))
    return found
