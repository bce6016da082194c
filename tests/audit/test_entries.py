"""Lists in lines of the trail: exactly the members of a kind, exactly their types, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from extproc.audit.entries import entries


@dataclass(frozen=True)
class Kind:
    """One of each type."""

    name: str
    size: int
    last: bool = False


def read(listed):
    """What a line with that list tells."""
    return entries({"kinds": listed}, "kinds", Kind, noun="a line", things="kinds")


def test_entries_are_read_in_order():
    """With what is left out as it usually is."""
    assert read([{"name": "a", "size": 1}, {"name": "b", "size": 2, "last": True}]) == (
        Kind("a", 1),
        Kind("b", 2, True),
    )
    assert read([]) == ()


@pytest.mark.parametrize("listed", [None, {}, "x", 3])
def test_what_is_no_list_is_told(listed):
    """By what is missing."""
    with pytest.raises(ValueError, match=r"^a line without kinds$"):
        read(listed)


@pytest.mark.parametrize(
    "entry",
    [
        1,
        {},
        {"name": "a"},
        {"name": "a", "size": 1, "more": 1},
        {"name": 1, "size": 1},
        {"name": "a", "size": "1"},
        {"name": "a", "size": True},
        {"name": "a", "size": 1.0},
        {"name": "a", "size": 1, "last": 1},
    ],
)
def test_one_wrong_entry_refuses_all(entry):
    """A truth value is no number, and a number no truth value."""
    with pytest.raises(ValueError, match=r"^a line's kinds are not as they should be$"):
        read([{"name": "a", "size": 1}, entry])
