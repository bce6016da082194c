"""Matches in JSON keep the escapes of a quote and of a backslash whole."""

from __future__ import annotations

import json

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.escape import behind_escape, unbroken


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


@pytest.mark.parametrize(
    ("text", "source", "kept"),
    [
        (r"a\nbob@x", "[a-z]+@x", "bob@x"),
        (r"a\u00a0bob@x", "[a-z0-9]+@x", "bob@x"),
        (r"\u00a0bob@x", "[a-z0-9]+@x", "bob@x"),
        (r"a\tterm", "term", "term"),
        (r"a\term", "term", "term"),
        (r"a\nn", "n+", "n"),
        (r"a\n", "n+", "n"),
        (r"a\dob@x", "[a-z]+@x", "dob@x"),
        ("nob@x", "[a-z]+@x", "nob@x"),
        (r"\nbob@x", r"\\[a-z]+@x", r"\nbob@x"),
    ],
)
def test_the_letter_of_an_escape_is_no_part_of_a_match(make_rule, text: str, source: str, kept: str) -> None:
    """Unless there would be no match without it."""
    rule = make_rule("r", source)
    match = re2.search(source, text)
    start = behind_escape(text, *match.span(), rule)
    assert text[start : match.end()] == kept


def test_the_refinement_is_asked_about_the_rest(make_rule) -> None:
    """What it does not confirm without the letter stays whole."""

    def refine(candidate: str, _: str) -> list[tuple[int, int]]:
        return [(0, len(candidate))] if candidate.startswith("n") else []

    assert behind_escape(r"\nab", 1, 4, make_rule("r", "[a-z]+", refine=refine)) == 1
    assert behind_escape(r"\nnb", 1, 4, make_rule("r", "[a-z]+", refine=refine)) == 2
