"""The trail of a process: durable before commit returns, honest about gaps, chained whatever happens to the disk."""

import asyncio
import errno
import json
import os
import threading
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from extproc.audit import merkle
from extproc.audit.chain import GENESIS
from extproc.config.runtime import AuditSettings
from extproc.edge.trail import session, writer
from extproc.edge.trail.batch import AuditFailed
from extproc.edge.trail.meter import Meter
from extproc.edge.trail.writer import Trail
from extproc.metrics.families import BATCHES, COMMIT_SECONDS, RECORDS
from extproc.metrics.tally import Tally

REAL_WRITE, REAL_SYNC = os.write, os.fdatasync


@pytest.fixture
def directory(tmp_path):
    """Where the trail goes; not there yet."""
    return tmp_path / "new" / "audit"


@pytest.fixture
def opened(directory):
    """Makes trails and closes them."""
    made = []

    def build(name="w0", **settings):
        trail = Trail(replace(AuditSettings(path=directory), **settings), name, {"version": "1"})
        trail.start()
        made.append(trail)
        return trail

    yield build
    for trail in made:
        trail.close()


@pytest.fixture
def disk(monkeypatch):
    """What the disk does next: an OSError is raised by a write, ("sync", OSError) by an fdatasync; then all is well."""
    plan = []

    def write(descriptor, data):
        if plan and isinstance(plan[0], OSError):
            raise plan.pop(0)
        return REAL_WRITE(descriptor, data[: plan.pop(0)] if plan and isinstance(plan[0], int) else data)

    def sync(descriptor):
        if plan and isinstance(plan[0], tuple):
            raise plan.pop(0)[1]
        REAL_SYNC(descriptor)

    monkeypatch.setattr(session.os, "write", write)
    monkeypatch.setattr(session.os, "fdatasync", sync)
    return plan


@pytest.fixture(autouse=True)
def impatient(half, monkeypatch):  # noqa: ARG001 - everything holds for each half
    """A trail that fails is tried again at once, unless a test wants to see it failed."""
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.01)


def lines(directory):
    """All lines of all segments, by file."""
    return [json.loads(line) for path in sorted(directory.glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def events(directory):
    """What they are."""
    return [line["event"] for line in lines(directory)]


def record(number):
    """Something to keep."""
    return {"event": "exchange", "n": number}


def test_a_record_is_on_the_disk_before_commit_returns(directory, opened, monkeypatch):
    """Written, sealed and synced: in that order, and all of it before whoever waits goes on."""
    order = []
    monkeypatch.setattr(session.os, "write", lambda *given: order.append("write") or REAL_WRITE(*given))
    monkeypatch.setattr(session.os, "fdatasync", lambda *given: order.append("sync") or REAL_SYNC(*given))
    trail = opened()
    order.clear()

    async def play():
        await trail.commit(record(1))
        order.append("returned")
        assert events(directory) == ["opened", "seal", "exchange", "seal"]

    asyncio.run(play())
    assert order == ["write", "sync", "returned"]


def test_lines_are_chained_over_batches_and_segments(directory, opened):
    """Each carries the hash of the one before, from the first segment to the `closed` of the last."""
    trail = opened(segment_bytes=1)

    async def play():
        for number in range(3):
            await trail.commit(record(number))

    asyncio.run(play())
    trail.close()
    paths = sorted(directory.glob("*.jsonl"))
    assert [path.name.split(".")[-2] for path in paths] == ["000001", "000002", "000003", "000004", "000005"]
    before = GENESIS
    for number, raw in enumerate(raw for path in paths for raw in path.read_bytes().splitlines()):
        line = json.loads(raw)
        assert (line["seq"], line["prev"]) == (number, before)
        before = merkle.leaf(raw).hex()
    assert events(directory)[-2:] == ["closed", "seal"]


def test_what_comes_together_is_committed_together(directory, opened, monkeypatch):
    """While one batch is being synced the next gathers: a hundred records cost a few syncs, not a hundred."""
    going, syncs = threading.Event(), []

    def slow(descriptor):
        syncs.append(descriptor)
        going.wait(30)
        REAL_SYNC(descriptor)

    trail = opened()
    monkeypatch.setattr(session.os, "fdatasync", slow)

    async def play():
        waiting = [asyncio.ensure_future(trail.commit(record(number))) for number in range(100)]
        while not syncs:  # noqa: ASYNC110 - a thread's doing
            await asyncio.sleep(0.001)
        assert not any(future.done() for future in waiting)
        going.set()
        await asyncio.gather(*waiting)

    asyncio.run(play())
    assert len(syncs) <= 2
    assert [line["n"] for line in lines(directory) if line["event"] == "exchange"] == list(range(100))


def test_a_batch_has_an_end(directory, opened):
    """`max_batch: 1` is no group commit at all."""
    trail = opened(max_batch=1)

    async def play():
        await asyncio.gather(*(trail.commit(record(number)) for number in range(5)))

    asyncio.run(play())
    assert [line["count"] for line in lines(directory) if line["event"] == "seal"] == [1] * 6


@pytest.mark.parametrize(
    "trouble",
    [
        [OSError(errno.ENOSPC, "No space left on device")],
        [40, OSError(errno.ENOSPC, "No space left on device")],
        [("sync", OSError(errno.EIO, "Input/output error"))],
    ],
)
def test_after_a_failure_a_new_chain_says_what_it_goes_on_from(directory, opened, disk, trouble):
    """Whoever waits is told, the old chain ends at its last seal, the new one names it and says how much is lost."""
    trail = opened()

    async def play():
        await trail.commit(record(1))
        disk.extend(trouble)
        with pytest.raises(AuditFailed):
            await trail.commit(record(2))
        while trail.failed:  # noqa: ASYNC110 - a thread's doing
            await asyncio.sleep(0.001)
        await trail.commit(record(3))

    with capture_logs() as logged:
        asyncio.run(play())
    paths = {path.name.split(".")[2]: path for path in directory.glob("*.jsonl")}
    assert len(paths) == 2
    told = {line["chain"]: line for line in lines(directory) if line["event"] == "opened"}
    [new] = [line for line in told.values() if "resumed" in line]
    old = paths[new["resumed"]["chain"].split(".")[1]].read_bytes().splitlines()
    assert json.loads(old[-1])["event"] == "seal"
    assert (new["resumed"]["seq"], new["resumed"]["hash"]) == (len(old) - 1, merkle.leaf(old[-1]).hex())
    assert new["resumed"]["lost"] == 1
    assert [line["n"] for line in lines(directory) if line["event"] == "exchange"] in ([1, 3], [3, 1])
    assert [line["log_level"] for line in logged] == ["error", "info"]


def test_while_it_fails_records_are_refused_at_once(opened, disk, monkeypatch):
    """Nobody waits for a disk that is known to be broken, and `failed` says so before a request is taken."""
    monkeypatch.setattr(writer, "RETRY_SECONDS", 1.0)
    trail = opened()

    async def play():
        disk.extend([OSError(errno.ENOSPC, "full")])
        for number in range(3):
            with pytest.raises(AuditFailed):
                await trail.commit(record(number))
        assert trail.failed
        assert trail._lost == 3

    asyncio.run(play())


def test_a_directory_that_cannot_be_made_is_tried_again(directory, opened):
    """The gateway starts, takes nothing, and goes on by itself when the way is free."""
    directory.parent.mkdir()
    directory.write_text("in the way")
    trail = opened()
    assert trail.failed
    directory.unlink()

    async def play():
        while trail.failed:  # noqa: ASYNC110 - a thread's doing
            await asyncio.sleep(0.001)
        await trail.commit(record(1))

    asyncio.run(play())
    assert events(directory) == ["opened", "seal", "exchange", "seal"]
    assert lines(directory)[0]["resumed"] == {"lost": 0}


def test_a_segment_that_somebody_deletes_is_noticed(directory, opened):
    """Its file would take lines that nobody will ever read: the next record goes to a new chain that names it."""
    trail = opened()
    [old] = directory.glob("*.jsonl")
    chain = trail.chain
    old.unlink()

    async def play():
        with pytest.raises(AuditFailed):
            await trail.commit(record(1))
        while trail.failed:  # noqa: ASYNC110 - a thread's doing
            await asyncio.sleep(0.001)
        await trail.commit(record(2))

    asyncio.run(play())
    assert lines(directory)[0]["resumed"]["chain"] == chain
    assert [line["n"] for line in lines(directory) if line["event"] == "exchange"] == [2]


def test_a_record_that_is_no_json_hurts_no_other(directory, opened):
    """Whoever waits for it is told; the rest of the batch is on the trail."""
    trail = opened()

    async def play():
        return await asyncio.gather(
            trail.commit(record(1)), trail.commit({"n": object()}), trail.commit(record(3)), return_exceptions=True
        )

    results = asyncio.run(play())
    assert [type(result) for result in results] == [type(None), AuditFailed, type(None)]
    assert [line["n"] for line in lines(directory) if line["event"] == "exchange"] == [1, 3]


def test_without_immutable_nobody_waits_and_overflow_is_counted_on_the_trail(directory, opened, monkeypatch):
    """A bounded queue: what finds it full is lost, and a line says how much."""
    going = threading.Event()
    trail = opened(immutable=False, queue_records=2)
    monkeypatch.setattr(session.os, "write", lambda *given: going.wait(30) and REAL_WRITE(*given))
    trail.put(record(0))
    while trail._queue.qsize():
        pass
    with capture_logs() as logged:
        for number in range(1, 6):
            trail.put(record(number))
    going.set()
    trail.close()
    assert [line["n"] for line in lines(directory) if line["event"] == "exchange"] == [0, 1, 2]
    assert [line["count"] for line in lines(directory) if line["event"] == "dropped"] == [3]
    assert len(logged) == 1


def test_without_immutable_a_broken_disk_refuses_nothing(directory, opened, disk):
    """Records wait in the queue until it can be written again."""
    trail = opened(immutable=False)
    disk.extend([OSError(errno.ENOSPC, "full")])
    for number in range(3):
        trail.put(record(number))
    assert not trail.failed
    while len([line for line in lines(directory) if line["event"] == "exchange"]) < 3:
        pass
    # The records are there a moment before the trail knows that it is well again.
    while trail._broken:
        pass
    assert not trail.failed


def test_close_writes_what_waits_and_ends_the_chain(directory, opened):
    """The last record, `closed`, a seal; closing twice is closing once."""
    trail = opened()
    trail.put(record(1))
    trail.close()
    trail.close()
    assert events(directory) == ["opened", "seal", "exchange", "seal", "closed", "seal"]


def test_a_trail_that_is_switched_off_takes_everything_and_keeps_nothing(directory, opened):
    """No audit-logger in the chain: no file, no thread, no failure."""
    trail = opened(enabled=False)
    trail.put(record(1))
    asyncio.run(trail.commit(record(2)))
    assert not trail.failed
    assert not directory.exists()


def test_what_else_the_trail_depends_on_fails_it(directory):
    """A required sink that is down."""
    down = [False]
    trail = Trail(AuditSettings(path=directory), "w0", {}, down=lambda: down[0])
    assert not trail.failed
    down[0] = True
    assert trail.failed


def test_files_are_the_operators_alone(directory, opened):
    """Nobody else on the machine reads the trail."""
    opened()
    [path] = directory.glob("*.jsonl")
    assert (directory.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_record_after_the_end_is_not_lost_in_silence(directory, opened):
    """The log says so, or whoever waits for it is told."""
    trail = opened()
    trail.close()
    with capture_logs() as logged:
        trail.put(record(1))
    assert [line["log_level"] for line in logged] == ["error"]
    with pytest.raises(AuditFailed):
        asyncio.run(trail.commit(record(2)))
    assert events(directory) == ["opened", "seal", "closed", "seal"]


def test_batches_of_captured_bodies_are_small(opened):
    """A batch is made in memory."""
    assert opened(capture="redacted", capture_bytes=1_048_576).most == 21
    assert opened(capture="none", capture_bytes=1_048_576).most == 1024
    assert opened(capture="redacted", capture_bytes=1, max_batch=7).most == 7


def test_what_is_put_on_the_trail_is_counted(directory):
    """With the batches that it came in, at once, by whoever wrote it."""
    tally = Tally()
    trail = Trail(AuditSettings(path=directory), "w0", {}, meter=Meter(tally))
    trail.start()

    async def play():
        for number in range(3):
            await trail.commit(record(number))

    asyncio.run(play())
    trail.close()
    assert tally.cell(RECORDS) == [3.0]
    assert tally.cell(BATCHES)[0] >= 3
    assert tally.cell(COMMIT_SECONDS)[0] > 0
