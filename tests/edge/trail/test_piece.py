"""Pieces of segments."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.edge.trail import piece as piece_module
from extproc.edge.trail import sealed
from extproc.edge.trail.piece import Misplaced, Oversized, read


def pieces(path, most_bytes, most_records):
    """Read until nothing more is sealed."""
    found, offset = [], 0
    while (piece := read(path, offset, most_bytes, most_records)).data:
        assert piece.end > offset
        found.append(piece)
        offset = piece.end
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.integers(1, 5000), st.integers(1, 20))
def test_pieces_join_to_the_sealed_part(tmp_path_factory, trail, counts, most_bytes, most_records):
    """Whatever the limits, pieces end with seals and join to the sealed part; one over a limit is a single batch."""
    writing = trail.Writing(tmp_path_factory.mktemp("audit"))
    batches = [writing.batch(count) for count in counts]
    writing.tail(b'{"chain":"w0')
    found = pieces(writing.paths[0], most_bytes, most_records)
    assert b"".join(piece.data for piece in found) == b"".join(batches)
    for piece in found:
        assert sealed.last_end(piece.data) == len(piece.data)
        over = len(piece.data) > most_bytes or piece.records > most_records
        assert not over or piece.data in batches


def test_a_piece_says_whether_there_is_more(trail, directory):
    """`more` only when something sealed may follow; `looked` is how far it was read."""
    writing = trail.Writing(directory)
    first, second = writing.batch(), writing.batch()
    writing.tail(b"torn")
    path = writing.paths[0]
    whole = read(path, 0, 1_000_000, 100)
    assert (whole.data, whole.more, whole.looked) == (first + second, False, len(first + second) + 4)
    part = read(path, 0, len(first), 100)
    assert (part.data, part.more, part.records) == (first, True, first.count(b"\n"))
    nothing = read(path, whole.end, 2, 100)
    assert (nothing.data, nothing.more, nothing.looked) == (b"", False, whole.looked)


def test_no_piece_begins_within_a_line(trail, directory):
    """A cursor that is not between two lines is refused."""
    writing = trail.Writing(directory)
    writing.batch()
    with pytest.raises(Misplaced):
        read(writing.paths[0], 5, 1000, 10)


def test_a_batch_without_end_is_refused(trail, directory, monkeypatch):
    """Memory is bounded, whatever somebody appended to a segment."""
    monkeypatch.setattr(piece_module.sealed, "MOST_BYTES", 10_000)
    monkeypatch.setattr(piece_module, "_READ", 1000)
    writing = trail.Writing(directory)
    writing.segment()
    writing.tail(b"x" * 50_000)
    with pytest.raises(Oversized):
        read(writing.paths[0], 0, 1000, 10)
