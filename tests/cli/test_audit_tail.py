"""`kt audit tail`: the last records, and those that come."""

from __future__ import annotations

import json
import random

import pytest

from extproc.cli import audit_tail, main


@pytest.fixture
def trail(trails, tmp_path):
    """Two writers, each with a few records, in files."""
    trail = trails()
    dice = random.Random(1)
    for name in ("w0", "w1"):
        writer = trail.writer(name)
        for _ in range(3):
            writer.exchanges(dice, 2)
    trail.path = trail.save(tmp_path / "audit")
    trail.dice = dice
    return trail


def records(trail):
    """Every record, in order of time."""
    lines = [line for data in trail.files.values() for line in data.splitlines() if b'"exchange"' in line]
    return sorted(map(json.loads, lines), key=lambda record: record["time"])


def shown(capsys, *words):
    """What the command prints, in lines."""
    assert main(["audit", "tail", *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_columns(trail, capsys):
    """Each record is a line: when, how it ended, what the policies said, model, who, tokens, latency, id."""
    (line,) = shown(capsys, str(trail.path), "-n", "1")
    record = next(each for each in records(trail) if each["request_id"] in line)
    words = line.split()
    usage = record["usage"]
    assert words[:6] == [
        record["time"],
        record["outcome"],
        str(record["status"]),
        record["verdict"],
        record["model"],
        record["principal"],
    ]
    assert words[6:9] == [
        f"{usage['prompt_tokens']}+{usage['completion_tokens']}",
        str(record["latency_ms"]["total"]),
        "ms",
    ]
    assert "\x1b" not in line


def test_count(trail, capsys):
    """As many as asked for, ten by default, all when there are fewer."""
    assert [len(shown(capsys, str(trail.path), *words)) for words in ((), ("-n", "3"), ("-n", "99"), ("-n", "0"))] == [
        10,
        3,
        12,
        0,
    ]


def test_json_is_the_line_itself(trail, capsys):
    """With --json the lines are those of the trail, byte for byte."""
    lines = {line.decode() for data in trail.files.values() for line in data.splitlines()}
    found = shown(capsys, str(trail.path), "--json", "-n", "99")
    assert len(found) == 12
    assert set(found) <= lines


def test_filters(trail, capsys):
    """Only what is wanted is shown, and counted."""
    served = [record for record in records(trail) if record["outcome"] == "served" and record["model"] == "llama"]
    found = shown(capsys, str(trail.path), "--outcome", "served", "--model", "llama", "--json", "-n", "99")
    assert {json.loads(line)["request_id"] for line in found} == {record["request_id"] for record in served}
    assert found


def test_other_lines_of_the_trail(trail, capsys):
    """What is no exchange is shown with its event, and the rest as JSON."""
    lines = shown(capsys, str(trail.path), "--event", "opened", "--event", "closed")
    assert [line.split()[1] for line in lines] == ["opened", "opened"]
    assert '"format":1' in lines[0]


def test_terminal_is_left_alone(trails, tmp_path, capsys):
    """A value from outside that would move the cursor is written out."""
    trail = trails()
    trail.writer("w0").write({"time": "t", "event": "exchange", "model": "a\x1b[2J\nb", "request_id": "r"})
    trail.save(tmp_path)
    (line,) = shown(capsys, str(tmp_path))
    assert "a\\x1b[2J\\nb" in line


def test_following(trail, capsys, monkeypatch):
    """With -f what comes is shown as it comes, of old writers and new ones, once, until Ctrl-C."""
    first = trails_writer(trail, "w2")
    turns = iter(range(4))

    def sleep(_):
        match next(turns):
            case 1:
                first.exchanges(trail.dice, 1)
            case 2:
                first.exchanges(trail.dice, 1)
                trails_writer(trail, "w3").exchanges(trail.dice, 2)
            case 3:
                raise KeyboardInterrupt
        trail.save(trail.path)

    monkeypatch.setattr(audit_tail.time, "sleep", sleep)
    before = {record["request_id"] for record in records(trail)}
    assert main(["audit", "tail", str(trail.path), "-n", "2", "-f", "--json"]) == 130
    found = [json.loads(line)["request_id"] for line in capsys.readouterr().out.splitlines()]
    assert len(found) == len(set(found)) == 6
    assert set(found[2:]) == {record["request_id"] for record in records(trail)} - before


def trails_writer(trail, name):
    """One more writer, later than the others."""
    return trail.writer(name, 1772366400.0 + 60)
