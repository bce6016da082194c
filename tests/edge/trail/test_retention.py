"""Retention: what may go, what must stay, and what a crash in between leaves."""

import fcntl
import json
from datetime import UTC, datetime

import pytest

from extproc.audit import merkle, pruned
from extproc.edge.trail import retention
from extproc.edge.trail.retention import plan, remove

DAY = 86_400.0


@pytest.fixture
def planned(directory):
    """Names of what would go; by default a year and a second after the trail's beginning, and nothing is delivered."""

    def names(now, **settings):
        given = {"retention_days": 365, "legal_hold": False, "delivered": None, **settings}
        return [one.segment for one in plan(directory, now=now, **given)]

    return names


def written(trail, directory, chain="w0.0123456789ab", days=(0, 1, 2)):
    """A chain with a segment on each of these days."""
    writing = trail.Writing(directory, chain)
    for day in days:
        writing.segment(trail.NOON + day * DAY)
        writing.batch()
        writing.batch()
    return writing


def test_what_is_removed_is_told_exactly(trail, directory):
    """Each entry names the first and last line, the last one's hash and time, and the days that held."""
    writing = written(trail, directory, days=(0, 1))
    removed = plan(directory, now=trail.NOON + 1000 * DAY, retention_days=30, legal_hold=False, delivered=None)
    assert [one.segment for one in removed] == [path.name for path in writing.paths]
    for one, path in zip(removed, writing.paths, strict=True):
        lines = path.read_bytes().splitlines()
        first, last = json.loads(lines[0]), json.loads(lines[-1])
        assert (one.first, one.last, one.last_time) == (first["seq"], last["seq"], last["time"])
        assert (one.hash, one.retention_days) == (merkle.leaf(lines[-1]).hex(), 365)
    assert removed[1].first == removed[0].last + 1
    assert json.loads(writing.paths[1].read_bytes().splitlines()[0])["prev"] == removed[0].hash
    assert pruned.parse(json.loads(json.dumps(pruned.document(removed, 0.0)))) == removed


@pytest.mark.parametrize(("own", "setting"), [(365, 365), (365, 30), (30, 365), (30, 30), (1, 1)])
def test_never_sooner(trail, directory, planned, own, setting):
    """A segment may go from the second on at which its last line has been kept for the longer of both times."""
    first = trail.Writing(directory, days=own)
    first.segment(trail.NOON)
    first.batch()
    first.now += 5000
    first.batch()
    first.segment()
    first.batch()
    due = trail.NOON + 5000 + max(own, setting) * DAY
    assert planned(due - 0.001, retention_days=setting) == []
    assert planned(due, retention_days=setting) == [path.name for path in first.paths]


def test_only_the_beginning_of_a_chain_goes(trail, directory, planned):
    """What stays is the end of each chain; other chains do not matter."""
    one = written(trail, directory, days=(0, 1, 2))
    two = written(trail, directory, "w1.0123456789ab", days=(1, 3))
    assert planned(trail.NOON + 366 * DAY) == [path.name for path in (*one.paths[:2], two.paths[0])]
    assert planned(trail.NOON + 368 * DAY) == [path.name for path in (*one.paths, *two.paths)]


def test_one_that_must_stay_keeps_all_behind_it(trail, directory, planned):
    """Older numbers with later times (a clock that was set back) hold back what follows them."""
    writing = written(trail, directory, days=(5, 0, 1))
    assert planned(trail.NOON + 367 * DAY) == []
    assert planned(trail.NOON + 370 * DAY) == [path.name for path in writing.paths]


def test_a_segment_in_use_stays(trail, directory, planned):
    """One whose writer holds its lock stays, whatever its age, also when the writer is this very process."""
    writing = written(trail, directory, days=(0, 1))
    with writing.paths[1].open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert planned(trail.NOON + 1000 * DAY) == [writing.paths[0].name]
    assert planned(trail.NOON + 1000 * DAY) == [path.name for path in writing.paths]


def test_the_probe_leaves_no_lock(trail, directory, planned):
    """Looking does not keep a writer from its segment."""
    writing = written(trail, directory, days=(0,))
    planned(trail.NOON + 1000 * DAY)
    with writing.paths[0].open("ab") as writer:
        assert fcntl.flock(writer, fcntl.LOCK_EX | fcntl.LOCK_NB) is None


def test_a_legal_hold_keeps_everything(trail, directory, planned):
    """Nothing goes while it is set."""
    written(trail, directory)
    assert planned(trail.NOON + 10_000 * DAY, legal_hold=True) == []
    assert len(planned(trail.NOON + 10_000 * DAY)) == 3


def test_what_a_required_sink_has_not_got_stays(trail, directory, planned):
    """Every sealed byte must have arrived; a torn line behind the last seal need not, for it never will."""
    writing = written(trail, directory, days=(0, 1))
    sizes = {path.name: path.stat().st_size for path in writing.paths}
    first, second = sizes
    writing.tail(b'{"chain":"w0')
    late = trail.NOON + 1000 * DAY
    assert planned(late, delivered=sizes) == [first, second]
    assert planned(late, delivered={**sizes, second: sizes[second] - 1}) == [first]
    assert planned(late, delivered={second: sizes[second]}) == []
    assert planned(late, delivered={}) == []


@pytest.mark.parametrize("data", [b"", b"torn", b'{"event":"opened","seq":0}\n'])
def test_without_a_seal_it_stays(trail, directory, planned, data):
    """A segment that a crash left before its first seal cannot be named by a line, and stays."""
    writing = written(trail, directory, days=(0, 1))
    writing.segment(trail.NOON + 2 * DAY)
    writing.paths[2].write_bytes(data)
    assert planned(trail.NOON + 1000 * DAY) == [path.name for path in writing.paths[:2]]


def test_what_was_tampered_with_stays(trail, directory, planned):
    """A last line dated before the segment was opened, or a beginning that is none, is evidence."""
    for chain, old, new in (
        ("w1.0123456789ab", b'"time":"2026-02-03', b'"time":"2016-02-03'),
        ("w2.0123456789ab", b'"event":"opened"', b'"event":"closed"'),
    ):
        writing = written(trail, directory, chain, days=(0,))
        writing.paths[0].write_bytes(writing.written().replace(old, new))
    assert planned(trail.NOON + 10 * DAY, retention_days=5) == []
    assert planned(trail.NOON + 10_000 * DAY) == []


def test_young_segments_are_not_even_opened(trail, directory, planned, monkeypatch):
    """A name says enough of most of them."""
    written(trail, directory, days=range(20))

    def opened(*_, **__):
        raise AssertionError("opened a segment")

    monkeypatch.setattr(retention.os, "open", opened)
    monkeypatch.setattr(retention.sealed, "opened", opened)
    assert planned(trail.NOON + 364 * DAY) == []
    with pytest.raises(AssertionError):
        planned(trail.NOON + 365 * DAY)


def test_other_files_are_left_alone(trail, directory, planned):
    """What is no segment is neither planned nor removed."""
    writing = written(trail, directory, days=(0,))
    (directory / ".delivered").mkdir()
    (directory / "2020-01-01.notes.jsonl").write_text("x")
    assert planned(trail.NOON + 1000 * DAY) == [writing.paths[0].name]


def test_removal_can_be_repeated(trail, directory, planned):
    """A crash half-way is gone on from: what is left is planned again, and removing twice is no error."""
    writing = written(trail, directory, days=(0, 1, 2))
    late = trail.NOON + 1000 * DAY
    removed = plan(directory, now=late, retention_days=365, legal_hold=False, delivered=None)
    writing.paths[0].unlink()
    assert planned(late) == [path.name for path in writing.paths[1:]]
    remove(directory, removed[:2])
    remove(directory, removed[:2])
    assert [path.name for path in directory.iterdir()] == [writing.paths[2].name]


def test_the_oldest_goes_first(trail, directory, monkeypatch):
    """So that what a crash leaves is the end of a chain, never one with a hole; then the directory is synchronised."""
    writing = written(trail, directory, days=(0, 1, 2))
    removed = plan(directory, now=trail.NOON + 1000 * DAY, retention_days=1, legal_hold=False, delivered=None)
    left = []
    monkeypatch.setattr(retention, "sync_directory", lambda where: left.append(list(where.iterdir())))
    writing.paths[1].unlink()
    writing.paths[1].mkdir()
    with pytest.raises(OSError, match=writing.paths[1].name):
        remove(directory, removed[::-1])
    assert {path.name for path in directory.iterdir()} == {path.name for path in writing.paths[1:]}
    writing.paths[1].rmdir()
    remove(directory, removed)
    assert left == [[]]


def test_only_segments_are_removed(directory):
    """A name that leads elsewhere is refused."""
    directory.mkdir()
    with pytest.raises(ValueError, match="not a segment"):
        remove(directory, [pruned.Removed("../policy-config.yaml", 0, 1, "", "", 1)])


def test_time_is_utc(trail, directory, planned):
    """Days are those of UTC, as in the names."""
    writing = trail.Writing(directory)
    writing.segment(datetime(2026, 2, 3, 23, 59, 59, tzinfo=UTC).timestamp())
    writing.batch()
    due = datetime(2027, 2, 3, 23, 59, 59, tzinfo=UTC).timestamp()
    assert (planned(due - 1), planned(due)) == ([], [writing.paths[0].name])
