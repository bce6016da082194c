"""Filters, and the times that people give."""

from __future__ import annotations

import pytest

from extproc.audit.filter import Filter, moment, policies, principal

NOW = 1772366400.0  # 2026-03-01T12:00:00Z
RECORD = {
    "time": "2026-03-01T10:00:00.000000Z",
    "event": "exchange",
    "outcome": "blocked",
    "verdict": "block",
    "model": "llama",
    "principal": "anna",
    "block": {"phase": "request", "policy": "dlp-filter", "rule": "x"},
    "findings": [{"policy": "pii-detector", "entity": "EMAIL", "count": 1}],
}


@pytest.mark.parametrize(
    ("wanted", "is_wanted"),
    [
        (Filter(), True),
        (Filter(events=frozenset({"access"})), False),
        (Filter(events=frozenset({"all"})), True),
        (Filter(since="2026-03-01T10:00:00.000000Z"), True),
        (Filter(since="2026-03-01T10:00:00.000001Z"), False),
        (Filter(until="2026-03-01T10:00:00.000000Z"), False),
        (Filter(until="2026-03-01T10:00:00.000001Z"), True),
        (Filter(outcomes=frozenset({"served", "blocked"})), True),
        (Filter(outcomes=frozenset({"served"})), False),
        (Filter(verdicts=frozenset({"block"})), True),
        (Filter(verdicts=frozenset({"allow"})), False),
        (Filter(models=frozenset({"llama"})), True),
        (Filter(models=frozenset({"lla"})), False),
        (Filter(principals=frozenset({"anna"})), True),
        (Filter(principals=frozenset({"bob"})), False),
        (Filter(policies=frozenset({"pii-detector"})), True),
        (Filter(policies=frozenset({"dlp-filter"})), True),
        (Filter(policies=frozenset({"prompt-injection"})), False),
        (Filter(outcomes=frozenset({"blocked"}), models=frozenset({"mistral"})), False),
    ],
    ids=str,
)
def test_each_part_must_be_so(wanted, is_wanted):
    """A record is wanted when every part that is set is so; a part with several values when one of them is."""
    assert wanted.wants(RECORD) is is_wanted


def test_lines_that_are_no_records():
    """A line without a time or a field is not wanted by a filter on it, and breaks nothing."""
    assert not Filter(since="2026").wants({"event": "exchange"})
    assert not Filter(until="2026").wants({"event": "exchange", "time": 3})
    assert not Filter(outcomes=frozenset({"served"})).wants({"event": "ended"})
    assert policies({"findings": [1, {"policy": 2}], "block": 3}) == set()


@pytest.mark.parametrize(
    ("value", "name"), [("anna", "anna"), ({"id": "a-1"}, "a-1"), ({"name": "n"}, "n"), (None, ""), (3, "")]
)
def test_principal(value, name):
    """Who asked is a name, or an object that has one."""
    assert principal({"principal": value}) == name


def test_what_is_told_of_a_filter():
    """Only the parts that are set stand on record."""
    assert Filter().told() == {}
    told = Filter(events=frozenset({"all"}), since="2026", models=frozenset({"b", "a"})).told()
    assert told == {"since": "2026", "event": ["all"], "model": ["a", "b"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-02-28T12:00:00Z", "2026-02-28T12:00:00.000000Z"),
        ("2026-02-28T12:00:00.5+02:00", "2026-02-28T10:00:00.500000Z"),
        ("2026-02-28", "2026-02-28T00:00:00.000000Z"),
        ("90s", "2026-03-01T11:58:30.000000Z"),
        ("15m", "2026-03-01T11:45:00.000000Z"),
        ("24h", "2026-02-28T12:00:00.000000Z"),
        ("7d", "2026-02-22T12:00:00.000000Z"),
        ("2w", "2026-02-15T12:00:00.000000Z"),
    ],
)
def test_times(text, expected):
    """A time is RFC 3339, a UTC date, or an age; it is given in UTC with microseconds, as records have it."""
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-28T12:00:00", "24", "h", "-1h", "999999999w", "1.5h"])
def test_what_is_no_time(text):
    """Anything else, a time without its zone included, is refused with examples."""
    with pytest.raises(ValueError, match="24h"):
        moment(text, NOW)
