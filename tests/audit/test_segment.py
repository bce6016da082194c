"""The names of segments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit.segment import Segment, parse


@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
    st.integers(1, 999_999_999),
    st.dates().map(str),
)
def test_names_are_read_as_they_are_written(writer, session, number, date):
    """What a name is made of can be read from it."""
    segment = Segment(f"{writer}.{session}", number, date)
    assert parse(segment.name) == segment


@pytest.mark.parametrize(
    "name",
    [
        "",
        "notes.txt",
        "2026-03-01.w0.jsonl",
        "2026-03-01.w0.0123456789ab.1.jsonl",
        "2026-03-01.w0.0123456789AB.000001.jsonl",
        "2026-03-01..0123456789ab.000001.jsonl",
        "2026-03-01.w/0.0123456789ab.000001.jsonl",
        "2026-03-01.w0.0123456789ab.000001.jsonl.bak",
        ".2026-03-01.w0.0123456789ab.000001.jsonl",
        "2026-03-01.w0.0123456789ab.000001.jsonl\n",
    ],
)
def test_other_names(name):
    """What is not named as a segment is none."""
    assert parse(name) is None


def test_order_is_that_of_the_chain():
    """Segments of a chain sort by their numbers, whatever day they began on."""
    first, tenth = Segment("w.0", 2, "2026-03-02"), Segment("w.0", 10, "2026-03-01")
    assert sorted([tenth, first]) == [first, tenth]
