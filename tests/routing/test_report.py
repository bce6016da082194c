"""The page of what is known of every target."""

from __future__ import annotations

import json

import pytest

from extproc.routing.breaker import RESTRAINED, SLEEPING
from extproc.routing.report import report, rows
from extproc.routing.row import EMPTY, Row
from extproc.routing.settings import Routing
from extproc.testing import NOW, make_target


def described(row: Row) -> dict[str, object]:
    """What is told of one target."""
    document = report([make_target(barred="says nothing")], Routing(), lambda _: row, NOW)
    assert document["strategy"] == "ordered"
    [target] = document["targets"]
    return target


def test_a_target_that_was_never_asked() -> None:
    """Counts are nothing, and what is not known is null."""
    told = described(EMPTY)
    assert (told["id"], told["state"], told["in_flight"], told["successes"]) == ("east", "closed", 0, 0)
    assert set(told["failures"].values()) == {0}
    names = ("obstacle", "first_byte_seconds", "tokens_per_second", "open_until", "rest_until", "last_success")
    assert {told[name] for name in names} == {None}
    assert told["barred"] == "says nothing"


def test_a_target_that_was_asked() -> None:
    """Counts, means and times as they are."""
    row = Row(
        in_flight=2.0,
        success=5.0,
        throttled=1.0,
        streak=3.0,
        succeeded_at=NOW,
        waits=2.0,
        waited=0.5,
        tokens=100.0,
        spoken=4.0,
    )
    told = described(row)
    assert (told["in_flight"], told["successes"], told["consecutive_failures"]) == (2, 5, 3)
    assert (told["first_byte_seconds"], told["tokens_per_second"], told["failures"]["throttled"]) == (0.25, 25.0, 1)
    assert told["last_success"] == "2027-01-15T08:00:00.000+00:00"


def test_states() -> None:
    """Open, half-open, asleep and resting, each with when it is over."""
    opened = described(Row(changed_at=NOW, open_until=NOW + 1))
    assert (opened["state"], opened["obstacle"]) == ("open", "open")
    assert opened["open_until"] == "2027-01-15T08:00:01.000+00:00"
    half = described(Row(changed_at=NOW, open_until=NOW - 1))
    assert (half["state"], half["obstacle"]) == ("half_open", None)
    assert described(Row(changed_at=NOW, open_until=NOW - 1, cause=SLEEPING))["state"] == "asleep"
    resting = described(Row(open_until=NOW + 1, cause=RESTRAINED))
    assert (resting["state"], resting["rest_until"]) == ("resting", "2027-01-15T08:00:01.000+00:00")
    rested = described(Row(open_until=NOW - 1, cause=RESTRAINED))
    assert (rested["state"], rested["rest_until"]) == ("half_open", None)


def test_a_report_can_be_read_back() -> None:
    """As JSON and back, nothing of a row is lost; what is no report is refused."""
    row = Row(in_flight=2.0, open_until=NOW + 0.123456, cause=SLEEPING, waits=0.5, waited=0.1, weighed_at=NOW)
    document = json.loads(json.dumps(report([make_target()], Routing(), lambda _: row, NOW)))
    assert rows(document) == {"east": row}
    for other in ({}, {"targets": [{"id": "east"}]}, {"targets": [{"id": "east", "row": {"other": 1}}]}):
        with pytest.raises((KeyError, TypeError)):
            rows(other)
