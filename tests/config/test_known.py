"""What is known but not supported never overlaps with what is supported."""

from __future__ import annotations

import pytest

from extproc.config import known
from extproc.config.validate import keys_at
from extproc.policies.table import KINDS


@pytest.mark.parametrize("place", known.KEYS, ids=".".join)
def test_known_keys_are_not_valid_ones(place: tuple[str, ...]) -> None:
    """Each section with known keys exists, and none of them is a key it accepts."""
    path = tuple(0 if part == "[]" else part for part in place)
    assert keys_at(path)
    assert known.KEYS[place].isdisjoint(keys_at(path))


@pytest.mark.parametrize("place", known.VALUES, ids=".".join)
def test_known_values_belong_to_valid_keys(place: tuple[str, ...]) -> None:
    """Each value that is refused as known belongs to a key that exists."""
    path = tuple(0 if part == "[]" else part for part in place)
    assert place[-1] in keys_at(path[:-1])


def test_policy_kinds_are_supported_or_known_not_both() -> None:
    """The 32 further kinds of the format are refused by name; those in the table are not."""
    assert known.POLICY_KINDS.isdisjoint(KINDS)
    assert len(known.POLICY_KINDS) == 32
