"""The two readings of a stream: when the second begins and ends, and what it reports."""

from __future__ import annotations

import pytest

from extproc.policies.base import Action
from extproc.policies.window import StreamRules, Window

ORDER = {"p": 0}


def released(window, pieces):
    return "".join(window.push(piece).text for piece in pieces) + window.finish().text


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_the_whole_disguised_value_is_replaced(make_rule, size):
    """What vanishes inside a value goes with it; what stands around it stays."""
    window = Window(StreamRules((make_rule("r", "AKIA[A-Z0-9]{4}"),), ORDER))
    text = "x\u200b\u200bＡK\u00adIA12\u200b34\u200b!"
    assert released(window, [text[at : at + size] for at in range(0, len(text), size)]) == "x\u200b\u200b<r>\u200b!"


def test_a_match_as_written_still_counts(make_rule):
    """A rule for the disguise itself, and one for what it hides, both see theirs."""
    window = Window(StreamRules((make_rule("wide", "１+"), make_rule("plain", "12")), ORDER))
    assert released(window, "a１b １2") == "a<wide>b <plain>"


def test_second_reading_ends_behind_the_disguise(make_rule):
    """Ordinary text is read twice only near a disguise."""
    window = Window(StreamRules((make_rule("r", r"\d{3}"),), ORDER))
    readings = []
    for piece in ["plain ", "é ", "１", *["text and "] * 12, "2", "２"]:
        window.push(piece)
        readings.append(window._plain is not None)
    assert readings[:3] == [False, False, True]
    assert readings[-3] is False
    assert readings[-1] is True


def test_held_until_the_hidden_match_is_settled(make_rule):
    """A disguised beginning is held like a plain one, from the character it was written with."""
    window = Window(StreamRules((make_rule("r", "AKIA[0-9]{4}"),), ORDER))
    assert window.push("see \u200bＡＫＩＡ\u200b12").text == "see \u200b"
    assert window.held == 7
    assert window.push("!").text == "ＡＫＩＡ\u200b12!"


def test_hidden_matches_are_reported_once(make_rule):
    """A match that both readings see is one finding, wherever the stream was cut."""
    text = "ab １ ab ab\u200b a\u200bb"
    for size in range(1, 12):
        window = Window(StreamRules((make_rule("r", "ab", action=Action.OBSERVE),), ORDER))
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        findings = [found for piece in pieces for found in window.push(piece).findings] + [*window.finish().findings]
        assert [(found.start, found.end) for found in findings] == [(0, 2), (5, 7), (8, 10), (12, 15)]


def test_hidden_match_blocks(make_rule):
    """A block rule refuses what is disguised, and nothing of it went out."""
    window = Window(StreamRules((make_rule("r", "secret", action=Action.BLOCK),), ORDER))
    assert window.push("a s\u200bec").text == "a "
    assert window.push("ｒet").block is not None


def test_endless_invisible_text_is_bounded(make_rule):
    """Invisible characters inside a possible match count as held: over the limit a marker goes out in their place."""
    window = Window(StreamRules((make_rule("r", "ab"),), ORDER), limit=50)
    assert window.push("x a").text == "x "
    out = "".join(window.push("\u200b" * 10).text for _ in range(100))
    assert out == "<r>"
    assert len(window._buffer) < 64 * 50 + 100
