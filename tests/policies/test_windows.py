"""The strongest window over running sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.windows import LENGTHS, SHORTEST, best


def running(values):
    """Running sums from zero."""
    return np.concatenate(([0], np.cumsum(values, dtype=np.int64)))


@given(st.lists(st.integers(-500, 500), min_size=1, max_size=200))
def test_best_is_the_strongest_of_all(values):
    """No window of a permitted length, and not the whole text where it is shorter, is stronger."""
    strength, start, end = best(running(values))
    lengths = [length for length in LENGTHS if length < len(values)]
    if len(values) <= LENGTHS[-1]:
        lengths.append(len(values))
    every = [
        sum(values[at : at + length]) / max(length, SHORTEST) ** 0.5
        for length in lengths
        for at in range(len(values) - length + 1)
    ]
    assert strength == pytest.approx(max(every))
    assert strength == pytest.approx(sum(values[start:end]) / max(end - start, SHORTEST) ** 0.5)


def test_long_texts_need_no_more_than_windows():
    """In a text longer than every window a burst is found where it stands."""
    values = [0] * 5000
    values[3000:3010] = [100] * 10
    strength, start, end = best(running(values))
    assert start <= 3000
    assert 3010 <= end <= start + LENGTHS[0]
    assert strength == 1000 / LENGTHS[0] ** 0.5
