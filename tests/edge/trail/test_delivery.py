"""One sink's thread: everything arrives, in order, whatever fails in between."""

import errno
import os
import threading
import time

import pytest
from structlog.testing import capture_logs

from extproc.edge.trail import cursor, delivery
from extproc.edge.trail.delivery import Delivery
from extproc.edge.trail.watch import Watch


@pytest.fixture
def run(directory, soon):  # noqa: ARG001 - what it changes lasts as long
    """Start the delivery to a sink of what is in the directory; `look()` tells it of more."""
    started = []

    def start(sink):
        directory.mkdir(exist_ok=True)
        made, watch = Delivery(directory, sink), Watch(directory)
        made.look = lambda: made.note(watch.look(whole=True))
        made.start()
        made.look()
        started.append((made, sink))
        return made

    yield start
    for made, sink in started:
        sink.gate.set()
        made.finish(time.monotonic())
        made.join()


def ended(made, seconds=60.0):
    """Finish with time enough; whether all was delivered."""
    made.finish(time.monotonic() + seconds)
    return made.join()


def test_what_was_sealed_arrives_and_the_cursor_says_so(trail, directory, run):
    """A sink gets the sealed part and not the torn line behind it, and after that the cursor is on the disk."""
    writing = trail.Writing(directory)
    data = writing.batch() + writing.batch()
    writing.tail(b'{"chain":"w0.')
    sink = trail.Memory()
    made = run(sink)
    name = writing.paths[0].name
    trail.until(lambda: cursor.load(directory, "memory") == {name: len(data)})
    assert sink.got() == {name: data}
    status = made.status()
    assert (status.delivered_bytes, status.delivered_records) == (len(data), data.count(b"\n"))
    assert (status.backlog_bytes, status.lag_seconds, status.last_error) == (0, 0.0, "")


def test_nothing_is_given_up(trail, directory, run):
    """A piece that fails comes again as it was, though the segment has grown meanwhile; the log tells each change."""
    writing = trail.Writing(directory)
    first = writing.batch()
    sink = trail.Memory()
    sink.gate.clear()
    sink.faults = [trail.Undelivered("http 503"), trail.Undelivered("http 503"), trail.Undelivered("timeout")]
    with capture_logs() as logged:
        made = run(sink)
        trail.until(lambda: sink.attempts)
        second = writing.batch()
        made.look()
        sink.gate.set()
        name = writing.paths[0].name
        trail.until(lambda: sink.got() == {name: first + second})
        assert ended(made)
    assert sink.attempts[:4] == [(name, 0, len(first))] * 4
    kinds = [line["kind"] for line in logged if line["event"] == "audit sink fails"]
    assert kinds == ["http 503", "timeout"]
    assert [line["after"] for line in logged if line["event"] == "audit sink delivers again"] == [3]


def test_a_failure_is_told_by_its_kind(trail, directory, run, monkeypatch):
    """Status and log name what kind of exception it was, never its text."""
    monkeypatch.setattr(delivery, "FIRST_SECONDS", 60.0)
    trail.Writing(directory).batch()
    sink = trail.Memory()
    sink.faults = [ValueError("https://user:secret@host/?token=x")]
    with capture_logs() as logged:
        made = run(sink)
        status = trail.until(lambda: (now := made.status()).consecutive_failures and now)
    assert (status.last_error, status.consecutive_failures, status.backlog_bytes > 0) == ("ValueError", 1, True)
    assert "secret" not in str(logged)


def test_a_chain_that_is_refused_does_not_stop_the_others(trail, directory, run):
    """While one chain's piece is refused again and again, the other chains' pieces arrive."""
    bad, good = trail.Writing(directory, "bad.0123456789ab"), trail.Writing(directory, "good.0123456789ab")
    bad.batch()

    class Choosy(trail.Memory):
        """Refuses one chain."""

        def deliver(self, piece):
            """Take the other."""
            if ".bad." in piece.path.name:
                raise trail.Undelivered("http 400")
            return super().deliver(piece)

    sink = Choosy()
    made = run(sink)
    for _ in range(5):
        good.batch()
        made.look()
        trail.until(lambda: sink.got().get(good.paths[0].name) == good.written() if good.paths else False)
    assert made.status().backlog_bytes == len(bad.written())


def test_what_is_too_large_is_halved(trail, directory, run):
    """A receiver that takes no more than so much gets smaller pieces, down to one batch."""
    writing = trail.Writing(directory)
    batches = [writing.batch() for _ in range(16)]
    most = 3 * len(batches[1])

    class Small(trail.Memory):
        """Takes little."""

        def deliver(self, piece):
            """Refuse what is more."""
            if len(piece.data) > most:
                raise trail.Undelivered("http 413", too_large=True)
            return super().deliver(piece)

    sink = Small()
    made = run(sink)
    trail.until(lambda: made.status().backlog_bytes == 0)
    assert sink.got() == {writing.paths[0].name: b"".join(batches)}


def test_a_sink_is_prepared_before_it_gets_anything(trail, directory, run):
    """Until that succeeds nothing is delivered, and the status says why."""
    trail.Writing(directory).batch()
    sink = trail.Memory()
    sink.unprepared = [trail.Undelivered("no object lock")] * 3
    with capture_logs() as logged:
        run(sink)
        trail.until(lambda: sink.pieces)
    assert sink.unprepared == []
    assert [line.get("kind") for line in logged] == ["no object lock", None]


def test_it_goes_on_where_the_last_process_was(trail, directory, run):
    """Another process delivers what the cursor has not, and forgets segments that are gone."""
    writing = trail.Writing(directory)
    first = writing.batch()
    name = writing.paths[0].name
    cursor.save(directory, "memory", {name: len(first), "2020-01-01.w9.0123456789ab.000001.jsonl": 5})
    second = writing.batch()
    sink = trail.Memory()
    made = run(sink)
    assert ended(made)
    assert [(piece.offset, piece.data) for piece in sink.pieces] == [(len(first), second)]
    assert cursor.load(directory, "memory") == {name: len(first + second)}


def test_a_cursor_within_a_line_begins_again(trail, directory, run):
    """What cannot be where the sink was is delivered from the beginning, and the log says so."""
    writing = trail.Writing(directory)
    data = writing.batch()
    cursor.save(directory, "memory", {writing.paths[0].name: 7})
    sink = trail.Memory()
    with capture_logs() as logged:
        assert ended(run(sink))
    assert sink.got() == {writing.paths[0].name: data}
    assert [line["event"] for line in logged] == ["an audit sink's cursor is not at a line"]


def test_a_segment_that_is_gone_holds_nothing_up(trail, directory, run):
    """One removed by hand before its delivery is told of, and the next is delivered."""
    writing = trail.Writing(directory)
    writing.batch()
    writing.segment()
    writing.batch()
    sink = trail.Memory()
    ready = threading.Event()
    sink.prepare = ready.wait
    with capture_logs() as logged:
        made = run(sink)
        writing.paths[0].unlink()
        ready.set()
        assert ended(made)
    assert sink.got() == {writing.paths[1].name: writing.written(2)}
    assert "a segment was removed before its delivery" in [line["event"] for line in logged]


def test_a_segment_that_is_seen_to_be_gone_is_told_of(trail, directory, run):
    """A sink that is not required may lose segments to retention, but not in silence."""
    writing = trail.Writing(directory)
    writing.batch()
    sink = trail.Memory()
    ready = threading.Event()
    sink.prepare = ready.wait
    with capture_logs() as logged:
        made = run(sink)
        writing.paths[0].unlink()
        made.look()
        ready.set()
        assert ended(made)
    assert [(line["event"], line["segment"]) for line in logged] == [
        ("a segment was removed before its delivery", writing.paths[0].name)
    ]


def test_the_end_does_not_wait_for_a_dead_sink(trail, directory, run):
    """At the deadline a sink that fails or hangs is left, and it is said that it has not got it all."""
    trail.Writing(directory).batch()
    failing, hanging = trail.Memory(name="failing"), trail.Memory(name="hanging")
    failing.faults = [trail.Undelivered("connection")] * 100_000
    hanging.gate.clear()
    assert ended(run(failing), 0.2) is False
    assert ended(run(hanging), 0.2) is False


def test_the_end_does_not_wait_for_the_interval(trail, directory, run):
    """Lines that were being collected are delivered at once, and those of a failed piece tried at once."""
    writing = trail.Writing(directory)
    data = writing.batch()
    sink = trail.Memory(interval=3600.0)
    made = run(sink)
    assert ended(made)
    assert sink.got() == {writing.paths[0].name: data}


def test_a_line_that_waits_too_long_makes_it_overdue(trail, directory, monkeypatch):
    """New lines count from when they came, old ones only while nothing at all is delivered."""
    clock = [1000.0]
    monkeypatch.setattr(delivery.time, "monotonic", lambda: clock[0])
    old = trail.Writing(directory, "old.0123456789ab")
    old.batch()
    os.utime(old.paths[0], (time.time() - 500, time.time() - 500))
    sink = trail.Memory(max_lag=100.0)
    made, watch = Delivery(directory, sink), Watch(directory)
    made.note(watch.look())
    assert (made.overdue, made.status().lag_seconds > 100.0) == (False, True)
    clock[0] += 60
    trail.Writing(directory, "new.0123456789ab").batch()
    made.note(watch.look(whole=True))
    clock[0] += 30
    assert made.overdue is False
    clock[0] += 11
    assert made.overdue is True
    made._moved_at = clock[0]
    assert made.overdue is False
    clock[0] += 60
    made._moved_at = clock[0]
    assert made.overdue is True


def test_a_cursor_that_cannot_be_written_stops_nothing(trail, directory, run, monkeypatch):
    """Delivery goes on, and the cursor is written as soon as it can be."""
    real = cursor.save
    full = [True]

    def save(*arguments):
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*arguments)

    monkeypatch.setattr(cursor, "save", save)
    writing = trail.Writing(directory)
    data = writing.batch()
    sink = trail.Memory()
    with capture_logs() as logged:
        made = run(sink)
        trail.until(lambda: sink.pieces and logged)
        full[0] = False
        trail.until(lambda: cursor.load(directory, "memory") == {writing.paths[0].name: len(data)})
        assert ended(made)
    assert logged[0] == {
        "event": "an audit sink's cursor is not written",
        "sink": "memory",
        "error": "No space left on device",
        "log_level": "warning",
    }


def test_pauses_grow_and_are_spread():
    """0.5 s doubled up to 60 s, less up to a half; a receiver may ask for more, within reason."""
    for failures, most in [(1, 0.5), (2, 1.0), (5, 8.0), (8, 60.0), (1000, 60.0)]:
        pauses = {delivery._back_off(failures) for _ in range(200)}
        assert most / 2 <= min(pauses) < max(pauses) <= most


def test_a_receiver_is_left_alone_as_long_as_it_asks(trail, directory):
    """Retry-After beats the pause of one's own, but never a quarter of an hour."""
    sink = trail.Memory()
    made = Delivery(directory, sink)
    assert made._failed(trail.Undelivered("http 429", retry_after=30.0)) == 30.0
    assert made._failed(trail.Undelivered("http 429", retry_after=86_400.0)) == delivery.MOST_RETRY_AFTER
