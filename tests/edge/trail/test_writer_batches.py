"""How records come together in batches: what waits for what, and for how long."""

import asyncio
import json
from dataclasses import replace

import pytest

from extproc.config.runtime import AuditSettings
from extproc.edge.trail import writer
from extproc.edge.trail.writer import Trail


@pytest.fixture
def opened(tmp_path):
    """Makes trails and closes them."""
    made = []

    def build(**settings):
        trail = Trail(replace(AuditSettings(path=tmp_path), **settings), "w0", {})
        trail.start()
        made.append(trail)
        return trail

    yield build
    for trail in made:
        trail.close()


def record(number):
    """Something to keep."""
    return {"event": "exchange", "n": number}


@pytest.fixture
def naps(monkeypatch):
    """The seconds that the trail's thread has slept for, one after the other; it does not really."""
    taken = []
    monkeypatch.setattr(writer.time, "sleep", taken.append)
    return taken


def test_who_asks_one_thing_after_another_hardly_ever_waits(opened, naps):
    """One batch in so many tries whether more would come; nothing does."""
    trail = opened()

    async def play():
        for number in range(3 * writer.PROBE):
            await trail.commit(record(number))

    asyncio.run(play())
    assert naps == [writer.LINGER_SECONDS] * 3
    assert trail._gain == 0.0


def test_a_batch_waits_a_moment_where_that_has_brought_more(tmp_path, opened, monkeypatch):
    """What comes meanwhile is in the same batch."""
    trail = opened()
    trail._gain = 4.0

    def nap(seconds):
        assert seconds == writer.LINGER_SECONDS
        for number in (2, 3):
            trail.put(record(number))

    monkeypatch.setattr(writer.time, "sleep", nap)
    asyncio.run(trail.commit(record(1)))
    [path] = tmp_path.glob("*.jsonl")
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [line["count"] for line in lines if line["event"] == "seal"] == [1, 3]
    assert trail._gain == 4.0 + (2 - 4.0) / 8


def test_without_immutable_batches_gather(opened, naps):
    """Nobody waits for them: few large ones cost least."""
    trail = opened(immutable=False)
    trail.put(record(1))
    while not naps:
        pass
    assert naps == [writer.LAZY_SECONDS]
