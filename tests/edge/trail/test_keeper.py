"""What keeps a trail: checkpoints of all chains, reads that were made, and the end in order."""

import asyncio
import json
import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from extproc.audit import checkpoint
from extproc.audit.verify import verify
from extproc.config.runtime import AuditSettings
from extproc.edge.trail import access, session
from extproc.edge.trail.batch import AuditFailed
from extproc.edge.trail.keeper import TrailKeeper
from extproc.edge.trail.listing import Listing
from extproc.edge.trail.writer import Trail


class Place:
    """A directory with a keeper's trail and those of workers."""

    def __init__(self, directory, **settings):
        self.directory = directory
        self.settings = replace(AuditSettings(path=directory, checkpoint_seconds=0.01), **settings)
        self.trail = self.open("gateway")
        self.keeper = TrailKeeper(self.settings, self.directory, self.trail, ())

    def open(self, name):
        """A writer's trail."""
        trail = Trail(self.settings, name, {})
        trail.start()
        return trail

    def lines(self, event):
        """All lines of a kind."""
        found = []
        for path in sorted(self.directory.glob("*.jsonl")):
            found += [json.loads(line) for line in path.read_bytes().splitlines()]
        return [line for line in found if line["event"] == event]

    def heads(self):
        """What checkpoints say, chain → its heads in order."""
        told = {}
        for line in self.lines("checkpoint"):
            for head in checkpoint.heads(line):
                told.setdefault(head.chain, []).append(head)
        return told

    async def until(self, condition):
        """Wait for it."""
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - a thread's doing
                await asyncio.sleep(0.005)


@pytest.fixture
def place(tmp_path):
    """One with a keeper."""
    place = Place(tmp_path / "audit")
    yield place
    place.trail.close()


def test_checkpoints_follow_the_chains_to_their_ends(place):
    """Each time one has grown, and as final when its writer has ended; the keeper's own chain is left out."""

    async def play():
        worker = place.open("w0")
        place.keeper.start()
        await worker.commit({"event": "exchange"})
        await place.until(lambda: any(head.seq == 3 for head in place.heads().get(worker.chain, ())))
        name = worker.chain
        await asyncio.to_thread(worker.close)
        await place.keeper.stop()
        return name

    name = asyncio.run(play())
    heads = place.heads()
    assert set(heads) == {name}
    assert [head.final for head in heads[name]][-2:] == [False, True]
    assert heads[name][-1].seq == 5


def test_a_keeper_without_news_writes_nothing(place):
    """An idle gateway's trail does not grow."""

    async def play():
        place.keeper.start()
        await asyncio.sleep(0.1)
        await place.keeper.stop()

    asyncio.run(play())
    assert place.lines("checkpoint") == []


def test_chains_of_the_past_are_found_at_the_start(place):
    """Those of a gateway that crashed: what they had is signed for by this one."""
    old = place.open("w0")
    name = old.chain
    old.session._release()

    async def play():
        place.keeper.start()
        await place.keeper.stop()

    asyncio.run(play())
    [head] = place.heads()[name]
    assert head.final


def test_reads_are_recorded(place):
    """Who read what, when and by which filters; the note is gone then."""
    assert access.note(place.directory, "audit show", {"request_id": "r-1", "model": None})

    async def play():
        place.keeper.start()
        await place.until(lambda: place.lines("access"))
        await place.keeper.stop()

    asyncio.run(play())
    [line] = place.lines("access")
    assert (line["what"], line["filters"]) == ("audit show", {"request_id": "r-1"})
    assert {"user", "host", "time"} <= set(line)
    assert list((place.directory / access.NOTES).iterdir()) == []


def test_reads_are_not_recorded_unless_asked_for(tmp_path):
    """`log_all_access: false`."""
    place = Place(tmp_path / "audit", log_all_access=False)
    access.note(place.directory, "audit show", {})

    async def play():
        place.keeper.start()
        await asyncio.sleep(0.05)
        await place.keeper.stop()

    asyncio.run(play())
    assert place.lines("access") == []
    place.trail.close()


def test_what_a_checkpoint_could_not_say_is_said_later(place, monkeypatch):
    """A trail that fails for a while leaves no gap in what is joined."""
    commit, refuse = place.trail.commit, [True]

    async def failing(document):
        if refuse[0]:
            raise AuditFailed("full")
        await commit(document)

    monkeypatch.setattr(place.trail, "commit", failing)

    async def play():
        worker = place.open("w0")
        place.keeper.start()
        await asyncio.sleep(0.05)
        refuse[0] = False
        await place.until(lambda: worker.chain in place.heads())
        await asyncio.to_thread(worker.close)
        await place.keeper.stop()

    asyncio.run(play())
    assert len(place.heads()) == 1


def test_a_directory_that_is_gone_is_told_once(place):
    """The keeper goes on, and sees it when it is back."""
    hidden = place.directory.with_name("hidden")

    async def play(logged):
        worker = place.open("w0")
        place.directory.rename(hidden)
        place.keeper.start()
        await place.until(lambda: logged)
        await asyncio.sleep(0.05)
        hidden.rename(place.directory)
        await place.until(lambda: worker.chain in place.heads())
        await asyncio.to_thread(worker.close)
        await place.keeper.stop()

    with capture_logs() as logged:
        asyncio.run(play(logged))
    assert [line["event"] for line in logged] == ["the audit trail cannot be looked at"]


@pytest.fixture
def old(place, monkeypatch):
    """A chain of ten days ago, closed in order."""
    with monkeypatch.context() as past:
        past.setattr(session.time, "time", lambda: time.time_ns() / 1e9 - 10 * 86_400)
        chain = session.Session(place.directory, "w9", {}, voucher=None, segment_bytes=10**9, durable=True)
        chain.write([{"event": "exchange"}])
        chain.close()
    return min(place.directory.glob("*.w9.*"))


def kept(place, **settings):
    """Keep the trail for one look."""
    keeper = TrailKeeper(replace(place.settings, **settings), place.directory, place.trail, ())

    async def play():
        keeper.start()
        await keeper.stop()

    asyncio.run(play())


def test_what_is_past_its_retention_goes_and_the_trail_still_verifies(place, old):
    """The line that tells of it is there before the segment is gone."""
    kept(place, retention_days=9)
    assert not old.exists()
    [line] = place.lines("pruned")
    assert [one["segment"] for one in line["removed"]] == [old.name]
    place.trail.close()
    assert verify(Listing(place.directory).sources, closed=True).findings == []


@pytest.mark.parametrize("settings", [{"retention_days": 11}, {"retention_days": 9, "legal_hold": True}])
def test_what_must_be_kept_stays(place, old, settings):
    """Before its time, and under a legal hold."""
    kept(place, **settings)
    assert old.exists()
    assert place.lines("pruned") == []


class Behind:
    """A shipper of which a required sink is too far behind."""

    failed = ("archive",)


def test_a_sink_that_is_behind_takes_the_trail_down(place, tmp_path):
    """The keeper says so at once, by a file to those in other processes, and takes it back."""
    keeper = TrailKeeper(place.settings, place.directory, place.trail, (), tmp_path / "audit.down")
    good, keeper._shipper = keeper._shipper, Behind()
    with capture_logs() as logged:
        keeper._judge_sinks()
        keeper._judge_sinks()
        assert (keeper.down, (tmp_path / "audit.down").exists()) == (True, True)
        keeper._shipper = good
        keeper._judge_sinks()
    assert (keeper.down, (tmp_path / "audit.down").exists()) == (False, False)
    assert [line["log_level"] for line in logged] == ["error", "info"]


def test_two_keepers_come_to_rest(place):
    """Each tells of the other once; then neither grows while nothing happens."""
    other = place.open("w1")
    second = TrailKeeper(place.settings, place.directory, other, ())

    async def play():
        place.keeper.start()
        second.start()
        await place.until(lambda: {head.chain for line in place.heads().values() for head in line} >= {other.chain})
        await asyncio.sleep(0.1)
        before = len(place.lines("checkpoint"))
        await asyncio.sleep(0.3)
        after = len(place.lines("checkpoint"))
        await second.stop()
        await asyncio.to_thread(other.close)
        await place.keeper.stop()
        return before, after

    before, after = asyncio.run(play())
    assert before == after
