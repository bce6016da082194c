"""Records as rows."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit.columns import COLUMNS, csv_header, csv_row, printable, table

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(
    st.fixed_dictionaries(
        {"model": TEXTS, "detail": TEXTS, "usage": st.fixed_dictionaries({"prompt_tokens": st.integers(0, 9)})}
    )
)
def test_csv_is_read_as_it_was(record):
    """A reader of RFC 4180 gets every field back, but for the quote before what a spreadsheet would run."""
    (row,) = csv.DictReader(io.StringIO(csv_header() + csv_row(record), newline=""), strict=True)
    for name in ("model", "detail"):
        text = record[name]
        assert row[name] == ("'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text)
    assert row["prompt_tokens"] == str(record["usage"]["prompt_tokens"])
    assert list(row) == list(COLUMNS)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_formulas_are_texts(text):
    """What a spreadsheet would take for a formula begins with a quote."""
    row = csv_row({"model": text})
    assert f"'{text}" in row
    assert f",{text}" not in row


def test_rows_end_and_nest():
    """Rows end with CR LF; lists are JSON in a cell, numbers are bare, what is missing is empty."""
    row = csv_row({"findings": [{"policy": "a"}], "status": 200, "stream": True, "principal": {"id": "anna"}})
    assert row.endswith("\r\n")
    assert ',"[{""policy"":""a""}]",' in row
    assert ",200,," in row
    assert ",anna," in row
    assert ",true," in row
    assert row.count(",") - 1 == len(COLUMNS) - 2


def test_nothing_moves_the_cursor():
    """Control characters are written out, so that a value can neither colour nor clear a terminal."""
    assert printable("a\x1b[2Jb\nc\u202e") == "a\\x1b[2Jb\\nc\\u202e"
    assert printable(None) == ""
    assert printable({"a": [1]}) == '{"a":[1]}'
    assert printable("é中") == "é中"


def test_tables_are_aligned():
    """Columns are as wide as their widest cell, numbers to the right, without blanks at the end."""
    assert table([["a", "n"], ["long", "10"], ["b", "5"]], right=frozenset({1})) == ["a      n", "long  10", "b      5"]
    assert table([["a", ""], ["long", "x"]]) == ["a", "long  x"]
