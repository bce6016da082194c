"""Matches in JSON keep the escapes of a quote and of a backslash whole."""

from __future__ import annotations

import json

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies.escape import Markers, behind_escape, unbroken


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
        (r'"a\nbob@x', "[a-z]+@x", "bob@x"),
        (r'"a\u00a0bob@x', "[a-z0-9]+@x", "bob@x"),
        (r'"\u00a0bob@x', "[a-z0-9]+@x", "bob@x"),
        (r"C:\nbob@x", "[a-z]+@x", "nbob@x"),
        (f'"{"a" * 48}\\nbob@x', "[b-z]+@x", "nbob@x"),
        (r'"a\tterm', "term", "term"),
        (r'"a\term', "term", "term"),
        (r'"a\nn', "n+", "n"),
        (r'"a\n', "n+", "n"),
        (r'"a\dob@x', "[a-z]+@x", "dob@x"),
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

    assert behind_escape(r'"\nab', 2, 5, make_rule("r", "[a-z]+", refine=refine)) == 2
    assert behind_escape(r'"\nnb', 2, 5, make_rule("r", "[a-z]+", refine=refine)) == 3


def marked(text: str, spans: list[tuple[int, int]], size: int = 1000) -> str:
    """The text with `M` in place of each span, read in pieces of so many characters."""
    markers = Markers()
    out, at = "", 0
    for start, end in [*spans, (len(text), len(text))]:
        for low in range(at, start, size):
            out += markers.read(text[low : min(low + size, start)])
        if start < len(text):
            out += markers.open('M"')
            for low in range(start, end, size):
                markers.read(text[low : min(low + size, end)])
            out += markers.close()
        at = end
    return out


@pytest.mark.parametrize(
    ("text", "hidden", "expected"),
    [
        ('{"a": 411}', "411", '{"a": "M\\""}'),
        ('[411,"411"]', "411", '["M\\"","M\\""]'),
        (' \n["\\"411", 411]', "411", ' \n["\\"M\\"", "M\\""]'),
        ('["\\\\", 411]', "411", '["\\\\", "M\\""]'),
        ('[4, "a4"]', '4, "a', '["M\\"4"]'),
        ('["4", 4]', '4", 4', '["M\\""]'),
        ('["a4", 4, "b"]', '4", 4, "', '["aM\\"b"]'),
        ("411", "411", 'M"'),
        ("card 411 [", "411", 'card M" ['),
    ],
)
def test_a_marker_in_json_is_a_string_or_a_part_of_one(text: str, hidden: str, expected: str) -> None:
    """Whatever it stands for, and however the text comes; elsewhere it is what it is."""
    spans = [match.span() for match in re2.finditer(re2.escape(hidden), text)]
    for size in (1, 2, 1000):
        assert marked(text, spans, size) == expected


values = st.recursive(st.integers() | st.text(alphabet='a"\\é'), lambda inner: st.lists(inner, max_size=4))


@given(st.lists(values), st.integers(1, 9))
def test_json_with_markers_for_its_numbers_is_json(value: list[object], size: int) -> None:
    """And says the rest as before."""
    text = json.dumps(value, ensure_ascii=False)
    spans = [match.span() for match in re2.finditer("-?[0-9]+", text)]
    assert _numbers_marked(value) == json.loads(marked(text, spans, size))


def _numbers_marked(value: object) -> object:
    if isinstance(value, list):
        return [_numbers_marked(each) for each in value]
    return 'M"' if isinstance(value, int) else value
