"""Each goal is held against what was measured for it."""

from __future__ import annotations

import pytest


@pytest.fixture
def figures(program):
    """A function that makes one kind of load's figures: so many answers of a second, of so many tokens, at a cost."""
    report, usage = program("report"), program("usage")

    def make(count: int, workers: float = 0.0, tokens: int = 0):
        made = report.Figures()
        outcome = {"seconds": 1.0, "statuses": {"200": count}, "broken": 0}
        outcome |= {"whole": [4.0] * count, "first_byte": [1.0] * count}
        made.add(outcome, tokens=tokens, spent={"workers": usage.Usage(workers, 50.0)})
        return made

    return make


@pytest.mark.parametrize(
    ("value", "at_most", "met"), [(1.0, True, True), (1.1, True, False), (1.0, False, True), (0.9, False, False)]
)
def test_a_goal_is_met_at_its_limit(program, value, at_most, met):
    """What is aimed at counts as reached, on either side."""
    assert program("goals_lines").Line("x", 1.0, value, "s", at_most=at_most).met is met


def test_costs_are_divided_by_what_was_served(program, figures):
    """CPU is per exchange and per token, and a load that was not put on something has no line."""
    ours = {
        ("no policies", 1): {"unary": figures(10, 2000.0), "stream": figures(0)},
        ("enterprise.yaml", 2): {"unary": figures(10, 3000.0), "paced": figures(2, 600.0, tokens=10)},
    }
    lines = program("goals_lines").costs(ours, 200)
    assert [(line.name, line.limit, line.value, line.met) for line in lines] == [
        ("worker CPU per exchange, no policies, 1 worker", 150, 200.0, False),
        ("worker CPU per exchange, enterprise.yaml, 2 workers", 350, 300.0, True),
        ("worker CPU per token, enterprise.yaml, 2 workers, paced", 25, 30.0, False),
    ]
    assert lines[2].detail == "200 streams at 50 tokens/s; 20 tokens"


def test_throughput_is_a_multiple(program, figures):
    """Requests/s are compared with each other's, and who answered nothing gives no multiple."""
    others = {"LiteLLM": {"unary": figures(0)}, "bare Envoy": {"unary": figures(100)}}
    lines = program("goals_lines").throughput({"unary": figures(50)}, others, 16)
    assert [(line.limit, line.value, line.met) for line in lines] == [(50.0, 0.0, False), (0.4, 0.5, True)]


def test_latency_is_compared_round_by_round(program):
    """A slow round slows both: the median of the differences is told, not the difference of extremes."""
    line = program("goals_lines").latency([1.0, 9.0, 1.0], [1.5, 9.5, 3.0])
    assert (line.value, line.met) == (0.5, True)
    assert line.detail == "3.00 over 1.00 ms; rounds 0.50 to 2.00"


def test_pace_is_what_is_added(program):
    """First token and time between tokens are differences of percentiles, over all rounds."""
    lines = program("goals_lines")
    base, ours = lines.Pace(), lines.Pace()
    for _ in range(2):
        base.add({"first_event": [1.0], "first_text": [2.0], "gaps": [20.0] * 99 + [21.0]})
        ours.add({"first_event": [1.5], "first_text": [5.0], "gaps": [20.0] * 98 + [30.0] * 2})
    event, text, between = lines.pace(base, ours, 200)
    assert (event.value, event.met) == (0.5, True)
    assert (text.value, text.met) == (3.0, False)
    assert (between.value, between.met) == (10.0, False)
    assert base.rate == pytest.approx(50, abs=0.1)
    assert lines.Pace().rate == 0.0


def test_memory_and_start(program):
    """Resident memory counts, and of several starts the median."""
    lines = program("goals_lines")
    idle, opened = lines.memory((59.0, 40.0), lines.Opened((121.0, 90.0), (70.0, 50.0), 1000, 999))
    assert (idle.value, idle.met, opened.value, opened.met) == (59.0, True, 121.0, False)
    assert opened.detail == "RSS; PSS 90.0; 51 kB a stream; 999 of 1,000 at one time"
    helped, ready = lines.starting([0.1, 0.2, 0.9], [4.0])
    assert (helped.value, helped.met, ready.value, ready.met) == (0.2, True, 4.0, False)
    assert ready.detail == "first 200 of a chat call; median of 1, 4.00 to 4.00"
