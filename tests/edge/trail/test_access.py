"""Notes of readers: left beside the trail, collected by who writes it."""

import pytest

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


def test_a_note_cannot_pretend_to_be_something_else(tmp_path):
    """An access it is and stays."""
    (tmp_path / access.NOTES).mkdir()
    (tmp_path / access.NOTES / "1.json").write_bytes(b'{"event":"checkpoint","chains":[]}')
    [(_, document)] = access.collect(tmp_path)
    assert document["event"] == "access"


def test_where_nothing_can_be_written_no_note_is_left(tmp_path):
    """An auditor's copy is read all the same."""
    (tmp_path / "file").write_text("x")
    assert access.note(tmp_path / "file", "audit show", {}) is False
    assert access.collect(tmp_path) == []
