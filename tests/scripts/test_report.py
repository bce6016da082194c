"""What scripts/bench prints is what was measured."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, 0.0), ([7.0], 99, 7.0), ([3.0, 1.0, 2.0], 50, 2.0), ([float(n) for n in range(1, 101)], 99, 99.0)],
)
def test_percentile_is_a_measured_value(program, values, percent, expected):
    """A percentile is the smallest measured value that so many per cent do not exceed."""
    assert program("report").percentile(values, percent) == expected


@pytest.fixture
def results(program):
    """Two variants: the second answers half as often, with twice the CPU in Envoy and some in its workers."""
    report, usage = program("report"), program("usage")

    def figures(count: int, envoy: float, workers: float):
        made = report.Figures()
        outcome = {"seconds": 2.0, "statuses": {"200": count, "503": 1}, "broken": 0}
        outcome |= {"whole": [4.0] * count, "first_byte": [1.0] * count}
        spent = {"envoy": usage.Usage(envoy, 50.0), "workers": usage.Usage(workers, 0.0)}
        made.add(outcome, tokens=10, spent=spent)
        return made

    bare, gateway = figures(100, 1000.0, 0.0), figures(50, 1000.0, 5000.0)
    return {"bare": {"unary": bare, "stream": bare}, "gateway": {"unary": gateway, "stream": gateway}}


def test_json_has_figures_and_ratios(program, results):
    """Rates, CPU per exchange and per token, failures and ratios to the bare variant follow from what was put in."""
    document = json.loads(program("report").as_json(results, {"connections": 4}))
    unary, stream = document["unary"]["gateway"], document["stream"]["gateway"]
    assert document["settings"] == {"connections": 4}
    assert (unary["requests/s"], unary["p50 ms"], unary["failed"]) == (25.0, 4.0, 1)
    assert (unary["envoy CPU us/exchange"], unary["workers CPU us/exchange"]) == (20.0, 100.0)
    assert unary["ratio"]["requests/s"] == 0.5
    assert unary["ratio"]["envoy CPU us/exchange"] == 2.0
    assert unary["ratio"]["workers CPU us/exchange"] is None
    assert (stream["tokens/s"], stream["first token p50 ms"], stream["workers CPU us/token"]) == (250.0, 1.0, 10.0)


def test_text_shows_each_variant_beside_the_first(program, results):
    """The text has a column per variant and a ratio in brackets wherever the first has the figure too."""
    text = program("report").as_text(results, {"connections": 4})
    (line,) = (line for line in text.splitlines() if line.startswith("requests/s"))
    assert line.split() == ["requests/s", "50.0", "25.0", "(0.5x)"]
    (line,) = (line for line in text.splitlines() if line.startswith("workers CPU us/exchange"))
    assert line.split() == ["workers", "CPU", "us/exchange", "0.0", "100.0"]
