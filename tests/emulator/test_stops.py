"""Where stop sequences end an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.emulator.stops import until

TOKENS = ("one", " EN", "D two", " three")


@pytest.mark.parametrize(
    ("stops", "keep", "text", "stop"),
    [
        ((), False, "one END two three", None),
        (("four",), False, "one END two three", None),
        (("END",), False, "one ", "END"),
        (("END",), True, "one END", "END"),
        (("two", "END"), False, "one ", "END"),
        (("one",), False, "", "one"),
        (("one",), True, "one", "one"),
        ((" three", "three"), False, "one END two", " three"),
    ],
)
def test_an_answer_ends_at_its_first_stop(stops, keep, text, stop) -> None:
    """Wherever tokens end, with the sequence or without, and it is said which it was."""
    tokens, found = until(TOKENS, stops, keep=keep)
    assert ("".join(tokens), found) == (text, stop)


@given(st.lists(st.text("ab", max_size=3)), st.text("ab", min_size=1, max_size=3))
def test_tokens_before_the_stop_stay_as_they_were(tokens, stop) -> None:
    """For every cut of a text: what is kept is what stands before the stop, and only the last token may be shorter."""
    kept, found = until(tokens, (stop,), keep=False)
    text = "".join(tokens)
    assert "".join(kept) == text.partition(stop)[0]
    assert (found == stop) == (stop in text)
    whole = [token for token in tokens if token] if found else tokens
    assert list(kept[:-1]) == list(whole[: len(kept) - 1]) if kept else True
