"""The scan engine: refusals at load, and which expressions match at all."""

from __future__ import annotations

import pytest

from extproc.policies.scan import PatternError, candidates, compile_pattern, found_at, gate


@pytest.mark.parametrize(
    ("source", "position", "message"),
    [
        ("(?=a)", 0, "look-ahead is not supported"),
        (r"(a)\1", 3, "back-reference is not supported"),
        ("[z-a]", 1, "invalid character class range"),
        ("a(b", 1, "unclosed group"),
        (r"\Z", 0, "invalid escape sequence"),
        ("a\ud800", 1, "lone surrogate"),
        ("a*", None, "matches the empty text"),
        (r"\b", None, "matches the empty text"),
        ("", None, "matches the empty text"),
        (r"\d{1,1000}x{1,1000}", None, "counts 2000 characters"),
        (r"\pL{500}", None, "instructions"),
        ("a" * 10_001, 10_000, "longer than"),
    ],
)
def test_refused_expressions(source, position, message):
    """What cannot run, or not in bounded time, is refused with a reason and, where there is one, the position."""
    with pytest.raises(PatternError) as raised:
        compile_pattern(source)
    assert raised.value.position == position
    assert message in raised.value.message


@pytest.mark.parametrize("source", ["AKIA[A-Z0-9]{16}", "[A-Za-z0-9/+=]{40}", r"\pL{30}", "(?i)a|b", ".{1,300}x"])
def test_accepted_expressions(source):
    """Ordinary expressions compile."""
    assert compile_pattern(source).source == source


def test_gate_names_all_that_match():
    """Many rules are split over several sets; their indices stay their own."""
    gates = gate([(f"x{number}y", 30_000) for number in range(10)])
    assert len(gates) > 1
    assert candidates(gates, b"x1y x9y x4y") == [1, 4, 9]
    assert candidates(gates, b"nothing") == []


@pytest.mark.parametrize("start", [0, 2, 3, 8])
def test_where_the_first_match_begins(start):
    """It is where `search` finds one from that byte on, with what stands before it in sight; else it is nowhere."""
    expression, data = compile_pattern(r"\b(b)").compiled, b"ab b ab b"
    match = expression.search(data, start)
    assert found_at(expression, data, start) == (match.start() if match else -1)
    assert found_at(expression, b"", 0) == -1
