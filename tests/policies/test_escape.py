"""Matches in JSON keep the escapes of a quote and of a backslash whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.escape import unbroken


@pytest.mark.parametrize(
    ("text", "span", "kept"),
    [
        (r"a\"b", (2, 4), (3, 4)),
        (r"a\"b", (0, 2), (0, 1)),
        (r"a\"b", (1, 3), (1, 3)),
        (r"a\\b", (0, 3), (0, 3)),
        (r"a\\b", (3, 4), (3, 4)),
        (r"a\\\"b", (4, 6), (5, 6)),
        (r"a\"b", (2, 3), (2, 3)),
        ("plain", (1, 3), (1, 3)),
    ],
)
def test_half_of_an_escape_is_no_part_of_a_match(text: str, span: tuple[int, int], kept: tuple[int, int]) -> None:
    """Neither its second character at the start nor its first at the end, unless there is nothing else."""
    assert unbroken(text, *span) == kept


@given(st.lists(st.sampled_from(["\\\\", '\\"', "a", " "]), max_size=12), st.data())
def test_with_a_marker_there_it_is_a_string_still(parts: list[str], draw: st.DataObject) -> None:
    """Of any match, except of one that is made of two halves and nothing else."""
    text = "".join(parts)
    start = draw.draw(st.integers(0, len(text)))
    end = draw.draw(st.integers(start, len(text)))
    first, last = unbroken(text, start, end)
    assert start <= first <= last <= end
    if end - start > 2:
        assert "M" in json.loads(f'"{text[:first]}M{text[last:]}"')
