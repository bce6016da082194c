"""`kt audit export`: JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json

import pytest

from extproc.cli import main


@pytest.fixture
def trail(realistic_trail, tmp_path):
    """A trail of two runs, in files."""
    trail = realistic_trail(0)
    trail.path = trail.save(tmp_path / "audit")
    return trail


def sealed(trail, event=b'"event":"exchange"'):
    """The lines of that kind that stand under a seal."""
    found = []
    for data in trail.files.values():
        end = data.rindex(b'"event":"seal"')
        found += [line.decode() for line in data[:end].splitlines() if event in line]
    return found


def test_lines_as_they_stand(trail, capsys):
    """JSON lines are the trail's own, all of them, in order of the time at which they were sealed."""
    assert main(["audit", "export", str(trail.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines) == sorted(sealed(trail))
    hours = [json.loads(line)["time"][:13] for line in lines]
    assert hours == sorted(hours)


def test_csv(trail, tmp_path, capsys):
    """CSV has a header and a row for each record, in a file of its own when asked for."""
    output = tmp_path / "out.csv"
    assert main(["audit", "export", str(trail.path), "--format", "csv", "--output", str(output)]) == 0
    assert capsys.readouterr().out == ""
    text = output.read_bytes().decode()
    assert text.count("\r\n") == text.count("\n") == len(sealed(trail)) + 1
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {row["request_id"] for row in rows} == {json.loads(line)["request_id"] for line in sealed(trail)}


def test_filters(trail, capsys):
    """What is not wanted is left out."""
    words = ["--since", "2026-02-01", "--until", "2026-03-01T13:00:00Z", "--verdict", "block"]
    assert main(["audit", "export", str(trail.path), *words]) == 0
    found = capsys.readouterr().out.splitlines()
    expected = [line for line in sealed(trail) if '"block"' in line and '"time":"2026-03-01T12' in line]
    assert sorted(found) == sorted(expected)
    assert found
    assert main(["audit", "export", str(trail.path), "--event", "pruned"]) == 0
    assert capsys.readouterr().out.splitlines() == sealed(trail, b'"event":"pruned"')


def test_one_segment(trail, capsys):
    """One segment can be exported alone."""
    name = min(trail.files)
    assert main(["audit", "export", str(trail.path / name), "--event", "all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [line for line in trail.files[name].decode().splitlines() if '"event":"seal"' not in line]


def test_no_parquet(trail, capsys):
    """A format that there is not is refused with those that there are."""
    with pytest.raises(SystemExit) as exit_:
        main(["audit", "export", str(trail.path), "--format", "parquet"])
    assert exit_.value.code == 2
    assert "jsonl" in capsys.readouterr().err


def test_unusable_output(trail, capsys):
    """An output that cannot be written is status 2."""
    assert main(["audit", "export", str(trail.path), "--output", str(trail.path / "no" / "x")]) == 2
    assert "kt audit export: " in capsys.readouterr().err
