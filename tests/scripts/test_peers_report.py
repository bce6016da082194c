"""What scripts/bench --peers says of what was measured."""

from __future__ import annotations

import json

import pytest

SETTINGS = {"connections": 16, "seconds": 1.0, "prompt_bytes": 2048, "answer_tokens": 328, "stream_tokens": 100}
RATES = {"bare Envoy": 1000, "no policies": 600, "enterprise.yaml": 500, "LiteLLM": 5, "Portkey": 250}


@pytest.fixture
def results(program):
    """Everybody with so many answers in one second."""
    report, usage = program("report"), program("usage")

    def figures(count: int):
        made = report.Figures()
        outcome = {"seconds": 1.0, "statuses": {"200": count}, "broken": 0}
        outcome |= {"whole": [4.0] * count, "first_byte": [1.0] * count}
        made.add(outcome, tokens=100, spent={"all": usage.Usage(1000.0, 50.0)})
        return made

    return {name: {kind: figures(count) for kind in ("unary", "stream")} for name, count in RATES.items()}


def test_text_holds_goals_against_what_was_measured(program, results):
    """Each goal is printed beside the measured multiple and whether it is reached, and what is compared is said."""
    text = program("peers_report").as_text(results, SETTINGS)
    lines = [line.split() for line in text.splitlines() if line.startswith("  against ")]
    assert lines == [
        ["against", "LiteLLM", "100x", "goal", ">=", "50x", "reached"],
        ["against", "Portkey", "2x", "goal", ">=", "3x", "missed"],
        ["against", "bare", "Envoy", "0.5x", "goal", ">=", "0.4x", "reached"],
    ]
    assert all(f"\n  {name} " in text for name in RATES)
    assert "all CPU us/exchange" in text


def test_json_has_the_same(program, results):
    """The document has the figures, the goals and what is compared."""
    document = json.loads(program("peers_report").as_json(results, SETTINGS))
    assert document["goals"]["Portkey"] == {"times": 2.0, "goal": 3.0}
    assert list(document["unary"]) == list(document["compared"]) == list(RATES)


def test_peer_that_answers_nothing_is_no_division_by_zero(program, results):
    """A peer without an answer gives no multiple, instead of ending the report."""
    results["LiteLLM"]["unary"] = program("report").Figures(seconds=1.0, cpu={"all": 1.0}, memory={"all": 1.0})
    assert program("peers_report").goals(results)["LiteLLM"] == (0.0, 50.0)


def test_drawing_shows_everybody(program, results):
    """Every panel has a bar for each, and says which way is better."""
    svg = program("peers_report").as_svg(results, SETTINGS)
    assert svg.count(">Portkey</text>") == svg.count("is better)</text>") == 6
    assert "16 connections, prompts of 2,048 bytes" in svg
