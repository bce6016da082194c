"""Standard output: the lines as they are, whole ones only."""

import os
import threading

import pytest

from extproc.config.sink_settings import StdoutSettings
from extproc.edge.trail.piece import read
from extproc.edge.trail.sinks import stdout
from extproc.edge.trail.sinks.sink import Undelivered
from extproc.edge.trail.sinks.stdout import Stdout

REAL_WRITE = os.write


@pytest.fixture
def pipe():
    """The two ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def sink_on(descriptor):
    """A sink that writes there."""
    return Stdout(StdoutSettings(name="stdout"), {}, descriptor)


def pieces_of(trail, directory, *chains):
    """One piece of each chain."""
    found = []
    for chain in chains:
        writing = trail.Writing(directory, f"{chain}.0123456789ab")
        writing.batch()
        found.append(read(writing.paths[0], 0, 1_000_000, 1000))
    return found


def test_lines_are_written_as_they_are(trail, directory, pipe):
    """What arrives is the piece, byte for byte; it is standard output unless said otherwise."""
    (piece,) = pieces_of(trail, directory, "a")
    sink = sink_on(pipe[1])
    sink.prepare()
    assert sink.deliver(piece) == len(piece.data)
    assert os.read(pipe[0], 1_000_000) == piece.data
    assert Stdout(StdoutSettings(name="stdout"), {})._descriptor == 1


@pytest.mark.parametrize("blocking", [True, False])
def test_a_slow_reader_is_waited_for(trail, directory, pipe, blocking):
    """More than a pipe holds is written as it is read, also when somebody made the descriptor non-blocking."""
    os.set_blocking(pipe[1], blocking)
    writing = trail.Writing(directory)
    for _ in range(100):
        writing.batch(20)
    piece = read(writing.paths[0], 0, 100_000_000, 1_000_000)
    assert len(piece.data) > 400_000
    got = bytearray()

    def reads():
        while len(got) < len(piece.data):
            got.extend(os.read(pipe[0], 5000))

    thread = threading.Thread(target=reads)
    thread.start()
    sink_on(pipe[1]).deliver(piece)
    thread.join()
    assert got == piece.data


def test_a_reader_that_left_ends_nothing(trail, directory, pipe):
    """It is a failure of this sink, told as `closed`, again and again."""
    (piece,) = pieces_of(trail, directory, "a")
    os.close(pipe[0])
    sink = sink_on(pipe[1])
    for _ in range(2):
        with pytest.raises(Undelivered, match=r"^closed$"):
            sink.deliver(piece)


def broken_after(monkeypatch, sizes):
    """os.write takes so many bytes in turn and then says that the disk is full; after that it takes all."""
    plan = [*sizes, None]

    def write(descriptor, data):
        if not plan:
            return REAL_WRITE(descriptor, data)
        size = plan.pop(0)
        if size is None:
            raise OSError(28, "No space left on device")
        return REAL_WRITE(descriptor, data[:size])

    monkeypatch.setattr(stdout.os, "write", write)


def test_a_piece_broken_off_is_continued(trail, directory, pipe, monkeypatch):
    """The repetition begins where the failure was: nothing stands there twice, and no line is torn."""
    (piece,) = pieces_of(trail, directory, "a")
    broken_after(monkeypatch, [10, 33])
    sink = sink_on(pipe[1])
    with pytest.raises(Undelivered, match=r"^full$"):
        sink.deliver(piece)
    assert sink.deliver(piece) == len(piece.data)
    assert os.read(pipe[0], 1_000_000) == piece.data


def test_another_piece_begins_on_its_own_line(trail, directory, pipe, monkeypatch):
    """When another chain comes first, the half line is ended; the first piece is written again, whole."""
    first, second = pieces_of(trail, directory, "a", "b")
    broken_after(monkeypatch, [10])
    sink = sink_on(pipe[1])
    with pytest.raises(Undelivered):
        sink.deliver(first)
    sink.deliver(second)
    sink.deliver(first)
    assert os.read(pipe[0], 1_000_000) == first.data[:10] + b"\n" + second.data + first.data
