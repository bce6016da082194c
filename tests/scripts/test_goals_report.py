"""What scripts/bench --goals says of what was measured."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

SETTINGS = {"connections": 16, "seconds": 6.0}


@pytest.fixture
def found(program):
    """Two goals, one of them met; bare Envoy whose upstream had no more to give, and a gateway with one failure."""
    lines, report, usage = program("goals_lines"), program("report"), program("usage")

    def figures(upstream: float, failed: int = 0, tokens: int = 0):
        made = report.Figures()
        outcome = {"seconds": 2.0, "statuses": {"200": 100, "503": failed}, "broken": 0}
        outcome |= {"whole": [4.0] * 100, "first_byte": [1.0] * 100}
        spent = {"envoy": usage.Usage(7000.0, 9.0), "workers": usage.Usage(0.0, 0.0)}
        spent |= {"upstream": usage.Usage(upstream, 30.0), "load": usage.Usage(2000.0, 30.0)}
        made.add(outcome, tokens=tokens, spent=spent)
        return made

    return program("goals_report").Measured(
        [
            lines.Line("CPU of something", 350, 349.5, "µs", "10 exchanges"),
            lines.Line("throughput of it", 0.4, 0.25, "x", at_most=False),
        ],
        {
            "bare Envoy": {"unary": figures(1_900_000.0), "stream": report.Figures()},
            "ours": {"unary": figures(100_000.0, failed=1), "stream": figures(5000.0, tokens=10)},
        },
        {"bare Envoy": lines.Pace([1.0], [2.0], [20.0, 20.0])},
    )


@pytest.fixture
def machine(program):
    """A machine that others use too."""
    return program("machine").Machine(2, "Z80", "3.11.7", "6.1", 0.5, "today", 200.0, 0.31)


def test_text_has_goals_and_what_is_behind_them(program, found, machine):
    """Each goal stands beside what was measured and its verdict; then the figures, only of loads that were put on."""
    text = program("goals_report").as_text(found, machine, SETTINGS)
    lines = text.splitlines()
    assert lines[0].startswith("2 cores of Z80, Linux 6.1, Python 3.11.7, 0.50 ms a sync of the disk; today, 200 s, ")
    assert lines[0].endswith("other processes took 31% of the cores")
    assert "CPU of something  <= 350 µs    350 µs  met     10 exchanges" in lines
    assert "throughput of it   >= 0.4 x    0.25 x  missed" in lines
    assert "1 of 2 met; answers that failed: 1" in lines
    (head,) = (line.split("  ") for line in lines if line.startswith("Whole answers "))
    assert head[0] == "Whole answers"
    rows = [line.split() for line in lines if line.startswith("ours ")]
    assert rows == [
        ["ours", "50", "4", "4", "70", "0", "20", "1,000", "0.00", "0.05", "1"],
        ["ours", "500", "7", "0", "2", "5", "0.00", "0.00", "0"],
    ]
    assert lines[-1] == "Limited from outside: whole answers, bare Envoy: the emulator took 95% of a core"


@pytest.mark.parametrize(("others", "warned"), [(0.05, False), (0.31, True)])
def test_a_machine_in_use_is_told_about(program, found, machine, others, warned):
    """When others take a good part of the machine, the text says what that does to figures."""
    machine.others = others
    assert ("Others took so much" in program("goals_report").as_text(found, machine, SETTINGS)) is warned


def test_json_has_the_same(program, found, machine):
    """The document has the machine, each goal with its verdict, and the figures behind them."""
    document = json.loads(program("goals_report").as_json(found, machine, SETTINGS))
    assert document["machine"]["others"] == 0.31
    assert document["settings"] == SETTINGS
    assert [(goal["measured"], goal["at"], goal["limit"], goal["met"]) for goal in document["goals"]] == [
        (349.5, "most", 350, True),
        (0.25, "least", 0.4, False),
    ]
    assert document["unary"]["ours"]["failed"] == document["failed"] == 1
    assert list(document["stream"]) == ["ours"]
    assert document["pace"]["bare Envoy"]["texts/s a stream"] == 50.0
    assert len(document["limits"]) == 1


def test_drawing_has_a_panel_for_each_goal(program, found, machine):
    """Each goal has a panel with what was measured and what is aimed at."""
    svg = "{http://www.w3.org/2000/svg}"
    texts = [each.text for each in ET.fromstring(program("goals_report").as_svg(found, machine)).iter(f"{svg}text")]
    assert texts.count("measured") == 2
    assert {"at most", "at least", "throughput of it, x: missed", "CPU of something, µs: met"} <= set(texts)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1,234"), (99.94, "99.9"), (9.996, "10.00"), (0.052, "0.05"), (3.0, "3"), (-1.5, "-1.50")],
)
def test_values_have_as_many_digits_as_they_mean(program, value, text):
    """Large values are whole, small ones have two digits after the point."""
    assert program("goals_report").shown(value) == text
