"""Cursors: whole or as before, private, and nothing worse than a repetition when they are broken."""

import errno
import os

import pytest
from structlog.testing import capture_logs

from extproc.edge.trail import cursor

NAME = "2026-02-03.w0.0123456789ab.000001.jsonl"


def test_what_is_saved_is_loaded(tmp_path):
    """Each sink has its own, which nobody else may read."""
    cursor.save(tmp_path, "s3", {NAME: 12})
    cursor.save(tmp_path, "s3", {NAME: 13})
    cursor.save(tmp_path, "otlp", {})
    assert (cursor.load(tmp_path, "s3"), cursor.load(tmp_path, "otlp")) == ({NAME: 13}, {})
    folder = tmp_path / cursor.FOLDER
    assert sorted(path.name for path in folder.iterdir()) == ["otlp.json", "s3.json"]
    assert (folder.stat().st_mode & 0o777, (folder / "s3.json").stat().st_mode & 0o777) == (0o700, 0o600)


def test_none_is_the_beginning(tmp_path):
    """A sink without a cursor begins at the beginning."""
    assert cursor.load(tmp_path, "s3") == {}


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'{"a":"b"}', b'{"a":-1}', b'{"a":true}'])
def test_a_broken_one_is_none(tmp_path, data):
    """Then all is delivered again, and the log says so."""
    cursor.save(tmp_path, "s3", {})
    (tmp_path / cursor.FOLDER / "s3.json").write_bytes(data)
    with capture_logs() as logged:
        assert cursor.load(tmp_path, "s3") == {}
    assert [line["sink"] for line in logged] == ["s3"]


def test_names_that_are_no_segments_are_left_out(tmp_path):
    """A cursor names segments only."""
    cursor.save(tmp_path, "s3", {"../x": 1, NAME: 2})
    assert cursor.load(tmp_path, "s3") == {NAME: 2}


def test_a_full_disk_leaves_the_old_one(tmp_path, monkeypatch):
    """What cannot be written whole does not replace what was there."""
    cursor.save(tmp_path, "s3", {NAME: 1})

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cursor.os, "write", full)
    with pytest.raises(OSError, match="No space"):
        cursor.save(tmp_path, "s3", {NAME: 2})
    monkeypatch.undo()
    assert cursor.load(tmp_path, "s3") == {NAME: 1}


def test_it_is_on_the_disk_before_it_counts(tmp_path, monkeypatch):
    """The file is synchronised before it is renamed, its folder after."""
    done = []
    real_sync, real_replace = os.fsync, cursor.os.replace
    monkeypatch.setattr(cursor.os, "fsync", lambda descriptor: (done.append("sync"), real_sync(descriptor)))
    monkeypatch.setattr(cursor.os, "replace", lambda *names: (done.append("replace"), real_replace(*names)))
    cursor.save(tmp_path, "s3", {NAME: 1})
    assert done == ["sync", "replace", "sync"]
