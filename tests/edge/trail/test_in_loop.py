"""The event loop's half of a trail, and how it and the thread keep out of each other's way."""

import asyncio
import json
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from extproc.config.runtime import AuditSettings
from extproc.edge.trail import writer
from extproc.edge.trail.batch import AuditFailed
from extproc.edge.trail.writer import Trail


class Disk:
    """Syncs when it is told to."""

    def __init__(self):
        self.under_way = []

    def sync(self, _, done):
        """Begin one."""
        self.under_way.append(done)

    def close(self):
        """Hear no more of it."""
        self.under_way = None


@pytest.fixture(autouse=True)
def disk(monkeypatch):
    """The disk of every trail of the test."""
    made = Disk()
    monkeypatch.setattr(writer, "open_disk", lambda _: made)
    return made


@pytest.fixture
def trail(tmp_path):
    """A trail that is open."""
    made = Trail(AuditSettings(path=tmp_path), "w0", {})
    made.start()
    yield made
    made.close()


def batches(directory):
    """The numbers that each seal is for."""
    found, batch = [], []
    for path in directory.glob("*.jsonl"):
        for raw in path.read_bytes().splitlines():
            line = json.loads(raw)
            if line["event"] == "seal":
                found.append(batch)
                batch = []
            elif line["event"] == "exchange":
                batch.append(line["n"])
    return [batch for batch in found if batch]


def ask(trail, *numbers):
    """Commit records at the same time."""
    return [asyncio.ensure_future(trail.commit({"event": "exchange", "n": number})) for number in numbers]


async def turns(count=5):
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_what_ends_in_one_turn_is_one_batch_and_the_next_gathers(trail, tmp_path, disk):
    """No thread is asked, and nobody goes on before the disk has said so."""

    async def play():
        first = ask(trail, 1, 2)
        await turns()
        second = ask(trail, 3, 4)
        await turns()
        assert len(disk.under_way) == 1
        assert not any(each.done() for each in (*first, *second))
        disk.under_way.pop()(None)
        await turns()
        assert [each.done() for each in (*first, *second)] == [True, True, False, False]
        disk.under_way.pop()(None)
        await asyncio.gather(*second)

    asyncio.run(play())
    assert batches(tmp_path) == [[1, 2], [3, 4]]


def test_while_the_thread_writes_it_takes_the_batch(trail, tmp_path, disk):
    """They never write at once; whoever is at work goes on."""

    async def play():
        trail.writing.acquire()
        asked = ask(trail, 1)
        await turns()
        assert disk.under_way == []
        trail.writing.release()
        await asyncio.gather(*asked)

    asyncio.run(play())
    assert batches(tmp_path) == [[1]]


def test_while_the_disk_works_the_thread_waits(trail, tmp_path, disk):
    """What nobody waits for comes after it, in the same chain."""

    async def play():
        asked = ask(trail, 1)
        await turns()
        trail.put({"event": "exchange", "n": 2})
        await asyncio.sleep(0.05)
        assert batches(tmp_path) == [[1]]
        disk.under_way.pop()(None)
        await asyncio.gather(*asked)
        while batches(tmp_path) != [[1], [2]]:  # noqa: ASYNC110 - a thread's doing
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(play(), 30))
    assert batches(tmp_path) == [[1], [2]]


def test_another_loop_has_the_thread(trail, tmp_path, disk):
    """A disk tells one loop only."""

    async def play():
        asked = ask(trail, 1)
        await turns()
        disk.under_way.pop()(None)
        await asyncio.gather(*asked)

    asyncio.run(play())
    asyncio.run(trail.commit({"event": "exchange", "n": 2}))
    assert batches(tmp_path) == [[1], [2]]


@pytest.mark.parametrize("at", ["begin", "settle"])
def test_a_fault_of_ours_leaves_nobody_waiting(trail, tmp_path, disk, monkeypatch, at):
    """It fails its own batch; the thread opens a new chain, and the next record is on that."""
    healthy = getattr(trail.session, at)

    def broken(*_):
        monkeypatch.setattr(session, at, healthy)
        raise ZeroDivisionError

    session = trail.session
    monkeypatch.setattr(session, at, broken)
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.01)

    async def play():
        asked = ask(trail, 1)
        await turns()
        if disk.under_way:
            disk.under_way.pop()(None)
        with pytest.raises(AuditFailed):
            await asyncio.gather(*asked)
        while trail.failed:  # noqa: ASYNC110 - a thread's doing
            await asyncio.sleep(0.001)
        again = ask(trail, 2)
        await turns()
        disk.under_way.pop()(None)
        await asyncio.gather(*again)

    with capture_logs() as logged:
        asyncio.run(asyncio.wait_for(play(), 30))
    assert "ZeroDivisionError" in logged[0]["error"]
    assert batches(tmp_path)[-1] == [2]


def test_what_has_gathered_when_all_is_over_is_told_to_be_lost(tmp_path, disk):
    """Whoever waits hears of it, instead of waiting for ever."""
    trail = Trail(replace(AuditSettings(path=tmp_path)), "w0", {})
    trail.start()

    async def play():
        asked = ask(trail, 1)
        await asyncio.sleep(0)
        trail.close()
        with pytest.raises(AuditFailed):
            await asyncio.gather(*asked)

    with capture_logs():
        asyncio.run(play())
    assert batches(tmp_path) == []
    assert disk.under_way is None or disk.under_way == []
