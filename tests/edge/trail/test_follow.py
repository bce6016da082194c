"""Following a trail."""

from __future__ import annotations

import random

from extproc.edge.trail.follow import Follower
from extproc.edge.trail.listing import Listing


def test_what_comes_is_given_once(trails, tmp_path):
    """Batches of old and new segments and chains come in order of time; what was there before does not."""
    trail, dice = trails(), random.Random(0)
    first, second = trail.writer("w0"), trail.writer("w1")
    first.exchanges(dice, 2)
    trail.save(tmp_path)
    follower, doubts = Follower(tmp_path, Listing(tmp_path)), []
    assert follower.poll(doubts) == []

    second.now += 5
    second.exchanges(dice, 1)
    first.exchanges(dice, 1)
    first.rotate()
    first.exchanges(dice, 3)
    trail.save(tmp_path)
    given = follower.poll(doubts)
    assert [(batch.chain, len(batch.lines)) for batch in given] == [(first.name, 1), (first.name, 4), (second.name, 2)]
    assert follower.poll(doubts) == []

    third = trail.writer("w2", first.now)
    third.exchanges(dice, 1)
    trail.save(tmp_path)
    assert [batch.chain for batch in follower.poll(doubts)] == [third.name]
    assert doubts == []


def test_batch_comes_when_it_is_sealed(trails, tmp_path):
    """A batch that is half written is given when its seal has come, though one looked in between."""
    trail = trails()
    writer = trail.writer("w0")
    writer.write()
    before = len(trail.files[writer.file])
    writer.exchanges(random.Random(0), 2)
    data = trail.files[writer.file]
    path = tmp_path / writer.file
    path.write_bytes(data[: before + 10])
    follower, doubts = Follower(tmp_path, Listing(tmp_path)), []
    for end in (before + 50, len(data) - 100, len(data) - 1):
        path.write_bytes(data[:end])
        assert follower.poll(doubts) == []
    path.write_bytes(data)
    (batch,) = follower.poll(doubts)
    assert (len(batch.lines), doubts) == (2, [])


def test_forged_batch_is_doubted(trails, tmp_path):
    """What comes under no seal that holds is told, not given."""
    trail = trails()
    writer = trail.writer("w0")
    writer.write()
    trail.save(tmp_path)
    follower, doubts = Follower(tmp_path, Listing(tmp_path)), []
    writer.exchanges(random.Random(0), 2)
    trail.files[writer.file] = trail.files[writer.file].replace(b'"path":"/v1', b'"path":"/v2', 1)
    trail.save(tmp_path)
    assert follower.poll(doubts) == []
    assert [doubt.partition(":")[0] for doubt in doubts] == [writer.file]
