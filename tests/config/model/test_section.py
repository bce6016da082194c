"""What every section has in common."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from extproc.config.model.section import Section


class Sample(Section):
    """A section to try it on."""

    count: int = 1
    ratio: float = 0.5
    switch: bool = True
    name: str = ""


@pytest.mark.parametrize(
    "values",
    [
        {"cuont": 1},
        {"count": "1"},
        {"count": 1.0},
        {"count": True},
        {"ratio": "0.5"},
        {"ratio": True},
        {"ratio": float("nan")},
        {"ratio": float("inf")},
        {"switch": 1},
        {"switch": "true"},
        {"name": 1},
        {"name": None},
        {"name": b"x"},
    ],
)
def test_nothing_is_converted_or_ignored(values: dict[str, object]) -> None:
    """An unknown key or a value of another type is an error, however near it is."""
    with pytest.raises(ValidationError):
        Sample.model_validate(values)


def test_whole_number_is_a_number() -> None:
    """Only an integer where a float belongs is fine."""
    assert Sample.model_validate({"ratio": 1}).ratio == 1.0


def test_frozen() -> None:
    """A section cannot be changed once it is read."""
    with pytest.raises(ValidationError):
        Sample().count = 2
