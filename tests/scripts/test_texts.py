"""The load generator sees when text comes, in whatever pieces and framing."""

from __future__ import annotations

import pytest

ROLE = b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
HELLO = b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n'
SPACED = b'data: {"choices": [{"delta": {"content": " there"}}]}\n\n'
END = b'data: {"choices":[{"delta":{"content":""},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def noted(texts, answers, begin=0.0, end=1000.0):
    """What is noted of answers, each the time it was asked at and (time, piece) after it."""
    found = texts.Noted()
    followed = texts.Texts(begin, end, found)
    for asked, pieces in answers:
        followed.asked(asked)
        for now, piece in pieces:
            followed.feed(now, piece, begun=True)
    return [list(times) for times in (found.first_event, found.first_text, found.gaps)]


def test_first_event_first_text_and_gaps(program):
    """An event without text ends no wait for the first text, and gaps are between pieces that bring text."""
    pieces = [(11.0, ROLE), (13.0, HELLO), (16.0, SPACED), (20.0, HELLO + HELLO), (21.0, END)]
    assert noted(program("texts"), [(10.0, pieces)]) == [[1.0], [3.0], [3.0, 4.0]]


def test_answers_on_one_connection_are_apart(program):
    """From the last text of one answer to the first of the next is no gap."""
    once = [(1.0, HELLO), (2.0, HELLO + END)]
    again = [(now + 10, piece) for now, piece in once]
    assert noted(program("texts"), [(0.5, once), (10.0, again)]) == [[0.5, 1.0], [0.5, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize("cut", range(1, len(HELLO)))
def test_text_is_seen_wherever_it_is_cut(program, cut):
    """A chunk in two pieces brings its text once, with the piece in which its first character stands."""
    texts = program("texts")
    seen = HELLO.index(b"Hello") < cut
    found = noted(texts, [(0.0, [(1.0, ROLE), (2.0, HELLO[:cut]), (3.0, HELLO[cut:] + END)])])
    assert found == [[1.0], [2.0 if seen else 3.0], []]


def test_only_the_window_is_noted(program):
    """What was asked before the window or came after it leaves no time, yet the last text before it counts as such."""
    texts = program("texts")
    pieces = [(now, HELLO) for now in (4.0, 6.0, 9.0, 12.0)]
    assert noted(texts, [(3.0, pieces)], begin=5.0, end=10.0) == [[], [], [2.0, 3.0]]
    assert noted(texts, [(11.0, [(11.5, HELLO)])], begin=5.0, end=10.0) == [[], [], []]
