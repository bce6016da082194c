"""The whole verification: what is told of ends, of keys, of a trail that is being written."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from extproc.audit import checkpoint
from extproc.audit.report import Place
from extproc.audit.verify import verify
from extproc.edge.trail.listing import Listing


@pytest.fixture
def trail(realistic_trail):
    """A trail of two runs."""
    return realistic_trail(0)


def test_what_was_there(trail, tmp_path):
    """The totals count what is under seals that hold, and the keys that vouch for it."""
    report = trail.report(tmp_path, closed=True)
    assert report.findings == []
    totals = report.totals
    assert (totals.chains, totals.segments, totals.lost) == (7, len(trail.files), 3)
    assert totals.lines == totals.events.total()
    assert totals.events["opened"] == len(trail.files)
    assert (totals.first[:10], totals.last[:16]) == ("2026-01-20", "2026-03-01T13:00")
    assert dict(report.vouched) == dict(report.claimed) == {trail.signing.id: 7}


def test_nothing_there(tmp_path):
    """A directory without any segment is not a whole trail: what was in it may be gone."""
    report = verify(Listing(tmp_path).sources)
    assert [finding.code for finding in report.findings] == ["empty"]


def test_without_a_public_key(trail, tmp_path):
    """Without a public key the trail is held against its own keys, and the report says that nobody vouches for them."""
    trail.save(tmp_path)
    report = verify(Listing(tmp_path).sources)
    assert report.whole
    assert report.vouched == {"": 7}
    assert report.claimed == {trail.signing.id: 7}
    assert "no-public-key" in {note.code for note in report.notes}


def test_one_of_several_keys(trail, keys, tmp_path):
    """After a change of the signing key both are given, and each chain needs one of them."""
    later = type(trail)(signing=keys("second signing key"))
    writer = later.writer("later")
    writer.close()
    trail.files.update(later.files)
    trail.save(tmp_path)
    both = [trail.signing.public, later.signing.public]
    report = verify(Listing(tmp_path).sources, both)
    assert report.whole
    assert report.vouched == {trail.signing.id: 7, later.signing.id: 1}
    assert [finding.code for finding in verify(Listing(tmp_path).sources, both[:1]).findings] == ["not-vouched"]


def test_open_chain_is_a_note_unless_all_must_be_closed(trails, tmp_path):
    """A writer at work is no finding, unless the auditor knows that the gateway is stopped."""
    trail = trails()
    writer = trail.writer("w0")
    writer.write()
    assert [note.code for note in trail.report(tmp_path).notes] == ["open", "no-public-key"]
    (finding,) = trail.report(tmp_path, closed=True).findings
    assert (finding.code, finding.file) == ("not-closed", writer.file)


def test_older_state_of_everything_needs_a_kept_checkpoint(trail, tmp_path):
    """A run that is taken away whole leaves a whole trail; a checkpoint that was kept elsewhere shows that it was."""
    gateway = next(name for name in trail.files if ".gateway0-b." in name)
    line = next(line for line in reversed(trail.files[gateway].splitlines()) if b'"event":"checkpoint"' in line)
    from extproc.audit.links import document  # noqa: PLC0415 - beside its only use

    kept = [(head, Place("kept.json", 1)) for head in checkpoint.heads(document(line))]
    assert trail.report(tmp_path, closed=True, expected=kept).whole
    for name in [name for name in trail.files if "-b." in name]:
        del trail.files[name]
    assert trail.report(tmp_path, closed=True).whole
    assert "chain-missing" in trail.report(tmp_path, closed=True, expected=kept).codes()


def test_trail_that_grows_while_it_is_listed(trails, tmp_path):
    """What a line says that came after the first look is not asked for: its chain may have been looked at before."""
    trail = trails()
    gateway, worker = trail.writer("gateway"), trail.writer("w0")
    worker.write()
    gateway.write()
    trail.save(tmp_path)
    sources = {source.name: source for source in Listing(tmp_path).sources}
    before = sources[gateway.file].size
    old = sources[worker.file]
    worker.exchanges(random.Random(0), 2)
    gateway.checkpoint(worker.head())
    trail.save(tmp_path)
    now = {source.name: source for source in Listing(tmp_path).sources}[gateway.file]
    assert "truncated" in verify([old, now]).codes()
    assert verify([old, replace(now, claims_until=before)]).whole


def test_checkpoint_that_cannot_be_read(trails, tmp_path):
    """A checkpoint whose root is another is found, though it is sealed."""
    trail = trails()
    writer = trail.writer("gateway")
    writer.write({"time": "2026-03-01T00:00:00Z", "event": "checkpoint", "chains": [], "root": "00"})
    (finding,) = trail.report(tmp_path).findings
    assert (finding.code, finding.place) == ("checkpoint", f"{writer.file}:2")


def test_anything_may_stand_in_a_file(tmp_path):
    """Whatever a file holds, there is a report and no exception."""
    name = "2026-03-01.w0.0123456789ab.000001.jsonl"
    dice = random.Random(0)
    pieces = [
        b"{}",
        b"[]",
        b"null",
        b'{"chain":"w0.0123456789ab","seq":0,"prev":"',
        b"\n",
        b"\xff",
        b'"event":"seal"',
        b"9" * 30,
    ]
    for _ in range(300):
        (tmp_path / name).write_bytes(b"".join(dice.choices(pieces, k=6)))
        report = verify(Listing(tmp_path).sources, closed=True)
        assert not report.whole
