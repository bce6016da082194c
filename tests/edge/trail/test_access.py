"""Notes of readers: left beside the trail, collected by who writes it."""

import json
from datetime import datetime

import orjson
import pytest
from google.protobuf import json_format

from extproc._pb import audit_pb2
from extproc.edge.trail import access


def test_a_note_says_who_did_what(tmp_path):
    """With the filters that were given; a file of its own, that only its owner reads."""
    assert access.note(tmp_path, "audit show", {"request_id": "r-1", "model": None, "since": ""})
    [(path, document)] = access.collect(tmp_path)
    assert (document["event"], document["what"], document["filters"]) == ("access", "audit show", {"request_id": "r-1"})
    assert {"time", "user", "host"} <= set(document)
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_bounded_number_is_collected_at_a_time(tmp_path, monkeypatch):
    """The oldest first; the rest at the next look."""
    monkeypatch.setattr(access, "_MOST", 2)
    for number in range(3):
        access.note(tmp_path, str(number), {})
    first = access.collect(tmp_path)
    assert [document["what"] for _, document in first] == ["0", "1"]
    for path, _ in first:
        path.unlink()
    assert [document["what"] for _, document in access.collect(tmp_path)] == ["2"]


@pytest.mark.parametrize("junk", [b"", b"[1]", b"\xff", b'{"a":' + b"1" * access.MAX_BYTES + b"}"])
def test_a_note_that_is_none_is_removed(tmp_path, junk):
    """Whoever can write there cannot put anything else on the trail, or hold the others up."""
    access.note(tmp_path, "audit tail", {})
    (tmp_path / access.NOTES / "0.json").write_bytes(junk)
    [(path, document)] = access.collect(tmp_path)
    assert (path.name != "0.json", document["what"]) == (True, "audit tail")
    assert not (tmp_path / access.NOTES / "0.json").exists()


def test_a_note_says_all_filters_as_text(tmp_path):
    """As the published record has them; what was given several times with commas between."""
    access.note(tmp_path, "audit show", {"request_id": "r-1", "decrypted": False, "model": ["a", "b"]})
    [(_, document)] = access.collect(tmp_path)
    assert document["filters"] == {"request_id": "r-1", "decrypted": "false", "model": "a,b"}
    read = json_format.Parse(json.dumps(document), audit_pb2.AuditLine())
    assert read.filters["model"] == "a,b"


@pytest.mark.parametrize(
    "claimed",
    [
        {"event": "checkpoint", "chains": []},
        {"seq": 7, "prev": "00", "chain": "w0.1.000000000000", "sig": "x"},
        {"what": 1, "user": ["x"], "host": None, "filters": ["x"], "time": "yesterday"},
        {"filters": {"a": {"b": 1}, "c": [1], "d": None}},
        {"time": 1 << 70},
    ],
)
def test_a_note_cannot_pretend_to_be_something_else(tmp_path, claimed):
    """An access it is and stays, with an access's members: its line can stand on a chain, and the chain is whole."""
    (tmp_path / access.NOTES).mkdir()
    (tmp_path / access.NOTES / "1.json").write_text(json.dumps(claimed))
    [(_, document)] = access.collect(tmp_path)
    assert document.pop("event") == "access"
    assert datetime.fromisoformat(document.pop("time")).tzinfo is not None
    assert not document or document == {"filters": {}}


def test_a_deep_note_holds_nothing_up(tmp_path):
    """JSON may be nested deeper than what writes it can follow."""
    (tmp_path / access.NOTES).mkdir()
    deep = '{"filters":' + '{"a":' * 900 + "1" + "}" * 901
    (tmp_path / access.NOTES / "1.json").write_text(deep)
    [(_, document)] = access.collect(tmp_path)
    assert orjson.dumps(document).endswith(b'"filters":{}}')


def test_where_nothing_can_be_written_no_note_is_left(tmp_path):
    """An auditor's copy is read all the same."""
    (tmp_path / "file").write_text("x")
    assert access.note(tmp_path / "file", "audit show", {}) is False
    assert access.collect(tmp_path) == []
