"""Where an answer ends."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.sagemaker.stop import StopFilter

TEXT = st.text(alphabet="abc", max_size=30)


def filtered(pieces: list[str], stops: tuple[str, ...]) -> tuple[str, bool]:
    """What is let through of a text that comes in pieces, and whether it was stopped."""
    stop = StopFilter(stops)
    out = "".join([*map(stop.push, pieces), stop.finish()])
    assert stop.released == len(out)
    return out, stop.stopped


@pytest.mark.parametrize(
    ("text", "stops", "kept"),
    [
        ("abc", (), "abc"),
        ("abc", ("",), "abc"),
        ("one END two", ("END",), "one "),
        ("one EN", ("END",), "one EN"),
        ("aab", ("ab",), "a"),
        ("xxSTOP", ("OP", "STOP"), "xx"),
        ("abcd", ("abcd", "bc"), "a"),
        ("END", ("END",), ""),
    ],
)
def test_an_answer_ends_before_its_stop(text: str, stops: tuple[str, ...], kept: str) -> None:
    """The stop that is complete first ends it, and is no part of it."""
    assert filtered([text], stops)[0] == kept
    assert filtered(list(text), stops)[0] == kept


@given(TEXT, st.lists(st.text(alphabet="abc", min_size=1, max_size=4), max_size=4), st.lists(st.integers(0, 30)))
def test_where_the_text_is_cut_means_nothing(text: str, stops: list[str], cuts: list[int]) -> None:
    """A stream delivers what a whole answer does."""
    edges = sorted({0, *(cut % (len(text) + 1) for cut in cuts), len(text)})
    pieces = [text[a:b] for a, b in pairwise(edges)]
    assert filtered(pieces, tuple(stops)) == filtered([text], tuple(stops))


@given(TEXT, st.lists(st.text(alphabet="abc", min_size=1, max_size=4), max_size=4))
def test_no_stop_is_let_through(text: str, stops: list[str]) -> None:
    """And nothing else is held back in the end."""
    out, stopped = filtered(list(text), tuple(stops))
    assert not any(stop in out for stop in stops)
    assert text.startswith(out)
    assert stopped == any(stop in text for stop in stops)
    assert stopped or out == text


def test_no_more_is_held_than_could_become_a_stop() -> None:
    """Text goes out as soon as no stop can begin in it any more."""
    stop = StopFilter(("END",))
    assert [stop.push(piece) for piece in ("a", "E", "N", "O", "E")] == ["a", "", "", "ENO", ""]
    assert stop.held
