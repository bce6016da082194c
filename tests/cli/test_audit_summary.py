"""`kt audit summary`: a table of each day."""

from __future__ import annotations

import json

import pytest

from extproc.cli import main


@pytest.fixture
def trail(realistic_trail, tmp_path):
    """A trail with records of two days, in files."""
    trail = realistic_trail(0)
    trail.path = trail.save(tmp_path / "audit")
    return trail


def expected(trail):
    """The records by day."""
    days = {}
    for data in trail.files.values():
        for line in data[: data.rindex(b'"event":"seal"')].splitlines():
            if b'"event":"exchange"' in line:
                record = json.loads(line)
                days.setdefault(record["time"][:10], []).append(record)
    return days


def test_json_counts_each_day(trail, capsys):
    """Every sealed exchange is counted on its day, under its outcome and verdict, with its tokens and bytes."""
    assert main(["audit", "summary", str(trail.path), "--json"]) == 0
    days = json.loads(capsys.readouterr().out)
    wanted = expected(trail)
    assert list(days) == sorted(wanted) == ["2026-01-20", "2026-03-01"]
    for day, records in wanted.items():
        found = days[day]
        assert found["exchanges"] == len(records) == sum(found["outcomes"].values()) == sum(found["verdicts"].values())
        assert found["prompt_tokens"] == sum(record["usage"]["prompt_tokens"] for record in records)
        assert found["response_bytes"] == sum(record["response_bytes"] for record in records)
        latencies = [record["latency_ms"]["total"] for record in records]
        assert (
            min(latencies) * 0.98 <= found["latency_ms"]["p50"] <= found["latency_ms"]["p95"] <= max(latencies) * 1.02
        )


def test_table(trail, capsys):
    """For people it is one aligned line for each day under a header."""
    assert main(["audit", "summary", str(trail.path)]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[:7] == ["day", "exchanges", "served", "blocked", "rejected", "failed", "aborted"]
    wanted = expected(trail)
    assert [row.split()[:2] for row in rows] == [[day, str(len(wanted[day]))] for day in sorted(wanted)]
    assert len({len(line) for line in (header, *rows)}) == 1


def test_filters(trail, capsys):
    """Only what is wanted is counted; a day without any is not there."""
    assert main(["audit", "summary", str(trail.path), "--since", "2026-02-01", "--outcome", "served", "--json"]) == 0
    (day,) = json.loads(capsys.readouterr().out).values()
    served = [record for record in expected(trail)["2026-03-01"] if record["outcome"] == "served"]
    assert day["outcomes"] == {"served": len(served)}


def test_nothing(tmp_path, capsys):
    """A trail without records has a header alone."""
    assert main(["audit", "summary", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
