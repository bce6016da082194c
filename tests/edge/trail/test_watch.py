"""What a look at the directory finds."""

import os
import time

import pytest

from extproc.edge.trail import watch as watch_module
from extproc.edge.trail.watch import Watch


@pytest.fixture
def clock(monkeypatch):
    """Monotonic time in the test's hand."""
    now = [1000.0]
    monkeypatch.setattr(watch_module.time, "monotonic", lambda: now[0])
    return now


def grown(seen):
    """Names and sizes."""
    return [(growth.segment.name, growth.size) for growth in seen.grown]


def age(directory, seconds=60):
    """Let the directory look as if nothing had come or gone for a while."""
    then = time.time() - seconds
    os.utime(directory, (then, then))


def test_no_directory_is_no_trail(tmp_path):
    """A trail that is not there yet is not an error; it is followed once it is."""
    watch = Watch(tmp_path / "audit")
    assert watch.look().grown == ()
    (tmp_path / "audit").mkdir()
    assert watch.look().grown == ()


def test_what_is_new_and_what_has_grown_is_told_once(trail, directory):
    """Each look tells what changed since the last one; what is no segment is passed over."""
    watch = Watch(directory)
    writing = trail.Writing(directory)
    (directory / "notes.txt").write_text("x")
    (directory / ".delivered").mkdir()
    size = len(writing.batch())
    name = writing.paths[0].name
    assert grown(watch.look()) == [(name, size)]
    assert watch.look().grown == ()
    size += len(writing.batch())
    assert grown(watch.look()) == [(name, size)]


def test_an_empty_segment_is_told_when_it_has_bytes(trail, directory):
    """Nothing is told of a segment that has been created and not yet written to."""
    watch = Watch(directory)
    writing = trail.Writing(directory)
    writing.segment().touch()
    assert watch.look().grown == ()
    size = len(writing.batch())
    assert grown(watch.look()) == [(writing.paths[0].name, size)]


def test_the_last_bytes_before_a_successor_are_seen_with_it(trail, directory):
    """When a segment is followed by another, its end is told in the same look, before the other."""
    watch = Watch(directory)
    writing = trail.Writing(directory)
    writing.batch()
    watch.look()
    writing.batch()
    writing.segment()
    writing.batch()
    assert grown(watch.look()) == [(path.name, path.stat().st_size) for path in writing.paths]


def test_followed_segments_are_not_looked_at_again(trail, directory, monkeypatch):
    """Only the last segment of a chain costs anything from then on."""
    watch = Watch(directory)
    writing = trail.Writing(directory)
    for _ in range(3):
        writing.segment()
        writing.batch()
    watch.look()
    asked = []
    real = os.stat
    monkeypatch.setattr(watch_module.os, "stat", lambda path, **how: (asked.append(str(path)), real(path, **how))[1])
    watch.look(whole=True)
    assert [path for path in asked if path.endswith(".jsonl")] == [str(writing.paths[2])]


def test_quiet_segments_are_looked_at_less_often(trail, directory, clock):
    """One that has not grown for QUIET_SECONDS is looked at every QUIET_POLL_SECONDS, or when all is wanted."""
    watch = Watch(directory)
    writing = trail.Writing(directory)
    writing.batch()
    watch.look()
    clock[0] += watch_module.QUIET_SECONDS + 1
    watch.look()
    writing.batch()
    assert watch.look().grown == ()
    clock[0] += watch_module.QUIET_POLL_SECONDS
    assert len(watch.look().grown) == 1
    clock[0] += watch_module.QUIET_SECONDS + 1
    watch.look()
    writing.batch()
    assert len(watch.look(whole=True).grown) == 1


def test_names_are_listed_only_when_they_may_have_changed(trail, directory, monkeypatch):
    """A directory that has not changed for a while is not listed."""
    watch = Watch(directory)
    trail.Writing(directory).batch()
    watch.look()
    age(directory)
    watch.look()
    listed = []
    real = os.listdir
    monkeypatch.setattr(watch_module.os, "listdir", lambda path: (listed.append(path), real(path))[1])
    watch.look()
    assert listed == []
    trail.Writing(directory, "w1.0123456789ab").batch()
    assert len(watch.look().grown) == 1


def test_one_that_came_in_the_same_tick_is_not_missed(trail, directory):
    """A listing so soon after a change does not count as the last one."""
    watch = Watch(directory)
    trail.Writing(directory).batch()
    tick = time.time() + 60
    os.utime(directory, (tick, tick))
    watch.look()
    trail.Writing(directory, "w1.0123456789ab").batch()
    os.utime(directory, (tick, tick))
    assert len(watch.look().grown) == 1


def test_what_is_gone_is_told(trail, directory):
    """Removed segments are told once, and one of that name is a new one."""
    watch = Watch(directory)
    writing = trail.Writing(directory)
    writing.batch()
    watch.look()
    writing.paths[0].unlink()
    assert watch.look().gone == {writing.paths[0].name}
    assert watch.look().gone == frozenset()
    size = len(writing.batch())
    assert grown(watch.look()) == [(writing.paths[0].name, size)]


def test_a_directory_that_cannot_be_read_is_an_error(tmp_path):
    """Whoever asks must know that nothing can be seen."""
    (tmp_path / "audit").write_text("")
    with pytest.raises(NotADirectoryError):
        Watch(tmp_path / "audit").look()
