"""Reading records: only those under a seal that holds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import reader
from extproc.audit.reader import Reader, batches, in_order
from extproc.audit.segment import parse
from extproc.audit.source import MAX_LINE, Source


@pytest.fixture(scope="module")
def written(trails):
    """A chain of two segments, each with two batches of two records."""
    trail = trails()
    writer = trail.writer("w0")
    dice = random.Random(0)
    writer.exchanges(dice, 2)
    writer.exchanges(dice, 2)
    writer.rotate()
    writer.exchanges(dice, 2)
    writer.exchanges(dice, 2)
    return trail, sorted(trail.files)


def source(name, data):
    """A segment that holds these bytes."""
    return Source(parse(name), name, len(data), lambda: iter([data]))


@pytest.mark.parametrize("segment", [0, 1])
def test_sealed_batches_are_given(written, segment):
    """Every segment can be read alone; a batch has its lines as they stand, its seal, and the segment's first line."""
    trail, names = written
    data, doubts = trail.files[names[segment]], []
    found = list(batches(source(names[segment], data), doubts))
    assert doubts == []
    assert [[line.document["event"] for line in batch.lines] for batch in found] == [
        ["opened", "exchange", "exchange"],
        ["exchange", "exchange"],
    ]
    lines = [line for batch in found for line in (*batch.lines, batch.seal)]
    assert b"".join(line.raw + b"\n" for line in lines) == data
    assert [line.number for line in lines] == list(range(1, 8))
    assert {batch.opened for batch in found} == {data.splitlines()[0]}


@given(st.data())
def test_chunks_do_not_matter(written, data):
    """Read bit by bit, as a file that grows is read, a segment gives the same."""
    trail, names = written
    whole = trail.files[names[0]]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    taken = Reader(source(names[0], whole))
    found = [
        batch
        for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)
        for batch in taken.feed([whole[begin:end]])
    ]
    assert found == list(batches(source(names[0], whole), []))


@pytest.mark.parametrize(
    ("old", "new", "given_"),
    [
        (b'"path":"/v1', b'"path":"/v2', 1),
        (b'"event":"opened"', b'"event":"0pened"', 0),
        (b'"count":3', b'"count":4', 0),
        (b'"sig":"', b'"sig":"A', 0),
    ],
)
def test_what_does_not_hold_is_not_given(written, old, new, given_):
    """A batch with a changed line, count or signature is told with its place, and not given."""
    trail, names = written
    data, doubts = trail.files[names[0]].replace(old, new, 1), []
    found = list(batches(source(names[0], data), doubts))
    assert len(found) == given_
    assert doubts[0].startswith(f"{names[0]}:1: 3 lines up to line 4 ")


def test_open_batch_is_neither_given_nor_doubted(written):
    """Lines whose seal has not come yet are nothing yet."""
    trail, names = written
    data, doubts = trail.files[names[0]], []
    found = list(batches(source(names[0], data[: data.rindex(b'{"chain"')]), doubts))
    assert (len(found), doubts) == (1, [])


def test_bounds(written, monkeypatch):
    """A line or a batch that is too large is told, and not kept."""
    trail, names = written
    data, doubts = trail.files[names[0]], []
    assert len(list(batches(source(names[0], data + b"x" * (MAX_LINE + 1)), doubts))) == 2
    assert doubts == [f"{names[0]}:8: a line longer than 32 MiB"]
    monkeypatch.setattr(reader, "MAX_BATCH_BYTES", 100)
    assert list(batches(source(names[0], data), doubts)) == []


def test_chains_are_read_side_by_side(realistic_trail):
    """All chains' batches come in order of the time at which they were sealed."""
    files = realistic_trail(1).files
    doubts = []
    times = [batch.time for batch in in_order([source(name, data) for name, data in files.items()], doubts)]
    assert times == sorted(times)
    assert len(times) == sum(data.count(b'"event":"seal"') for data in files.values())
    assert doubts == []
