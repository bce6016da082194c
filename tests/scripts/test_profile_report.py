"""What scripts/bench --profile says of what was sampled."""

from __future__ import annotations

import json

import pytest

SETTINGS = {"connections": 16}


@pytest.fixture
def profiles(program):
    """Two columns: policies take 300 of 400 µs of an exchange, and all 20 µs of a token."""
    sampled, rooms = program("sampling").Sampled, program("rooms")
    policies, core = rooms.Place(rooms.POLICIES, "judge (chain.py)"), rooms.Place(rooms.LOOP, "run (loop.py)")
    return {
        ("enterprise.yaml", "unary"): sampled({policies: 3000.0, core: 1000.0}, units=10, samples=77),
        ("enterprise.yaml", "stream"): sampled({policies: 200.0}, units=10, samples=5),
    }


def test_text_is_a_table_with_sums_and_goals(program, profiles):
    """Each room has a row, each load a column; the sum stands over the goal."""
    text = program("profile_report").as_text(profiles, SETTINGS)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    rows = {cells[0]: cells[1:] for cells in lines if cells}
    assert rows[""] == ["enterprise.yaml, µs/exchange", "enterprise.yaml, µs/token"]
    assert rows["policies"] == ["300.0", "20.0"]
    assert rows["**sum**"] == ["**400**", "**20**"]
    assert rows["goal"] == ["<= 350", "<= 25"]
    assert rows["samples"] == ["77", "5"]
    assert set(program("rooms").ROOMS) < set(rows)


def test_json_has_the_same(program, profiles):
    """The document has each room's share, the sum and the goal."""
    document = json.loads(program("profile_report").as_json(profiles, SETTINGS))
    found = document["unary"]["enterprise.yaml"]
    assert (found["us"]["policies"], found["sum"], found["goal"], found["samples"]) == (300.0, 400.0, 350, 77)


def test_costliest_functions_follow_when_asked_for(program, profiles):
    """With a number, so many functions of each load stand below the table, the costliest first."""
    text = program("profile_report").as_text(profiles, SETTINGS, 1)
    assert text.count("judge (chain.py), policies") == 2
    assert "run (loop.py)" not in text
    assert "300.00  judge (chain.py), policies" in text
