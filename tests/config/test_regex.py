"""User patterns: compiled while the file is read."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from extproc.config.regex import REFUSED, Regex

PATTERN = TypeAdapter(Regex)


@pytest.mark.parametrize("source", ["AKIA[A-Z0-9]{16}", "(?i)reveal.*prompt", r"\bп\w+", "a|b"])
def test_accepted(source: str) -> None:
    """What RE2 runs is kept as written."""
    assert PATTERN.validate_python(source) == source


@pytest.mark.parametrize(
    ("source", "position"),
    [("a(?=b)", 2), ("(?<!x)a", 1), (r"(a)\1", 4), ("a(b", 2), ("x[z-a]", 3), ("a**", None)],
)
def test_refused(source: str, position: int | None) -> None:
    """What RE2 does not run is refused, with the character where it begins when that is known."""
    with pytest.raises(ValidationError) as raised:
        PATTERN.validate_python(source)
    (error,) = raised.value.errors()
    assert error["type"] == REFUSED
    if position is not None:
        assert f"(character {position} of the pattern)" in error["msg"]


def test_empty_pattern_is_refused() -> None:
    """A pattern that matches everywhere by being empty is a mistake."""
    with pytest.raises(ValidationError, match="at least 1"):
        PATTERN.validate_python("")
