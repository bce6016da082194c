"""The last records of a trail."""

from __future__ import annotations

import random

import pytest

from extproc.audit.filter import Filter
from extproc.audit.latest import ends, latest
from extproc.audit.reader import in_order
from extproc.audit.segment import parse
from extproc.audit.source import Source


class Counted:
    """Segments that count how often each is read to its end."""

    def __init__(self, files):
        self.read = dict.fromkeys(files, 0)
        self.sources = [self._source(name, data) for name, data in files.items()]

    def _source(self, name, data):
        def chunks():
            first = data.index(b"\n") + 1
            yield data[:first]
            self.read[name] += 1
            yield data[first:]

        return Source(parse(name), name, len(data), chunks)


@pytest.fixture
def counted(realistic_trail):
    """A trail of two runs, and one 40 days older."""
    return Counted(realistic_trail(2).files)


@pytest.mark.parametrize("count", [0, 1, 4, 1000])
@pytest.mark.parametrize(
    "wanted", [Filter(), Filter(outcomes=frozenset({"served"})), Filter(events=frozenset({"all"}))]
)
def test_last_are_the_last_of_all(counted, count, wanted):
    """They are those that a reader of the whole trail sees last, in the same order."""
    everything = [
        (batch.file, line)
        for batch in sorted(in_order(counted.sources, []), key=lambda batch: (batch.time, batch.chain))
        for line in batch.lines
        if wanted.wants(line.document)
    ]
    assert latest(counted.sources, wanted, count, []) == (everything[-count:] if count else [])


def test_older_segments_are_not_read(trails):
    """Segments that were over before the last records were sealed are not read."""
    trail = trails()
    writer = trail.writer("w0")
    for _ in range(5):
        writer.exchanges(random.Random(0), 3)
        writer.rotate()
    writer.exchanges(random.Random(0), 3)
    counted = Counted(trail.files)
    assert len(latest(counted.sources, Filter(), 3, [])) == 3
    assert [counted.read[name] for name in sorted(counted.read)] == [0, 0, 0, 0, 0, 1]
    since = Filter(since="2026-03-01T12:00:04.500000Z")
    assert len(latest(counted.sources, since, 100, [])) == 5
    assert [counted.read[name] for name in sorted(counted.read)] == [0, 0, 0, 0, 1, 2]


def test_ends_of_segments(counted):
    """A segment ends when the next of its chain begins, the last of a chain never; the latest ends come first."""
    found = ends(counted.sources)
    assert [end for end, _ in found] == sorted((end for end, _ in found), reverse=True)
    for end, source in found:
        later = [
            other
            for _, other in found
            if other.segment.chain == source.segment.chain and other.segment.number > source.segment.number
        ]
        assert (end == "~") is not bool(later)
