"""What the reading sub-commands of `kt audit` share: filters, the record of the read, doubts."""

from __future__ import annotations

import argparse
import random

import pytest

from extproc.audit.filter import Filter
from extproc.cli import audit_reading, main
from extproc.edge.trail import access
from extproc.edge.trail.listing import Listing


def parsed(*words):
    """The filter that these words ask for."""
    parser = argparse.ArgumentParser()
    audit_reading.add_path(parser)
    audit_reading.add_filters(parser)
    return audit_reading.filter_of(parser.parse_args(words))


def test_filters_are_read():
    """Options that are given several times are any of the values; times are made those of records."""
    assert parsed() == Filter()
    words = ["--outcome", "served", "--outcome", "failed", "--since", "2026-03-01", "--event", "all", "--policy", "x"]
    assert parsed(*words) == Filter(
        events=frozenset({"all"}),
        since="2026-03-01T00:00:00.000000Z",
        outcomes=frozenset({"served", "failed"}),
        policies=frozenset({"x"}),
    )


@pytest.mark.parametrize("command", ["tail", "export", "summary"])
def test_bad_time_is_status_2(command, tmp_path, capsys):
    """A time that cannot be read is told, with status 2."""
    assert main(["audit", command, str(tmp_path), "--since", "yesterday"]) == 2
    assert "'yesterday' is no time" in capsys.readouterr().err


@pytest.fixture
def recorded(monkeypatch):
    """What was asked to be put on the trail."""
    calls = []
    monkeypatch.setattr(access, "note", lambda *call: calls.append(call))
    return calls


def test_reads_are_recorded(trails, tmp_path, recorded):
    """Where the newest header says `log_all_access`, each command puts on record what it reads and how."""
    trail = trails()
    trail.writer("older", 0.0, log_all_access=False).write()
    writer = trail.writer("w0", log_all_access=True)
    writer.write({"event": "exchange", "request_id": "a"})
    trail.save(tmp_path)
    path = str(tmp_path)
    for words in (
        ["tail", path, "--model", "llama"],
        ["export", path],
        ["summary", path],
        ["verify", path],
        ["show", path, "a"],
    ):
        assert main(["audit", *words]) == 0
    assert recorded == [
        (tmp_path, "audit tail", {"model": ["llama"]}),
        (tmp_path, "audit export", {"format": "jsonl"}),
        (tmp_path, "audit summary", {}),
        (tmp_path, "audit verify", {}),
        (tmp_path, "audit show", {"request_id": "a", "decrypted": False}),
    ]


def test_reads_are_not_recorded_where_they_need_not_be(trails, tmp_path, recorded):
    """Without `log_all_access` in the newest header nothing is put on record, whatever older ones say."""
    trail = trails()
    trail.writer("older", log_all_access=True).write()
    trail.writer("w0", 1772366500.0, log_all_access=False).write()
    assert not audit_reading.logs_reads(Listing(trail.save(tmp_path)).sources)
    assert main(["audit", "tail", str(tmp_path)]) == 0
    assert recorded == []


def test_read_only_trail_is_read_and_says_so(trails, tmp_path, recorded, monkeypatch, capsys):
    """A trail that cannot be written to is read all the same; that this is not recorded is told."""
    trail = trails()
    trail.writer("w0", log_all_access=True).write()
    trail.save(tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert main(["audit", "tail", str(tmp_path)]) == 0
    assert recorded == []
    assert "this read is not recorded" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["tail", "export", "summary"])
def test_what_is_not_proven_is_told(trails, tmp_path, capsys, command):
    """Lines under a seal that does not hold are told on standard error with their place, not shown; the status is 1."""
    trail = trails()
    writer = trail.writer("w0")
    writer.exchanges(random.Random(0), 2)
    trail.files[writer.file] = trail.files[writer.file].replace(b'"path":"/v1', b'"path":"/v2', 1)
    trail.save(tmp_path)
    assert main(["audit", command, str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert f"not shown: {writer.file}:1: 3 lines up to line 4 are under no seal that holds" in captured.err
    assert "/v2" not in captured.out
    assert "2026-03-01T" not in captured.out
