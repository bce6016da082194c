"""The pool of worker processes, with small programs in the workers' place."""

import asyncio
import gc
import os
import signal
import sys
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from extproc.edge import workers
from extproc.edge.workers import WorkerNotStarted, WorkerPool

# Says that it is ready, and ends when told to.
GOOD = "print('ready', flush=True); import signal; signal.pause()"
# The same, but does not listen to anybody.
DEAF = f"import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; {GOOD}"
BROKEN = "raise SystemExit(3)"
TALKER = "print('hello', flush=True); import time; time.sleep(60)"
SILENT = "import time; time.sleep(60)"


def command(program, notes=None):
    """The command that runs a program; `notes` is told each socket and writer."""

    def arguments(socket, writer):
        if notes is not None:
            notes.append((socket, writer))
        return [sys.executable, "-I", "-S", "-c", program() if callable(program) else program]

    return arguments


def alive(pid):
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children():
    """Processes of this test that run."""
    path = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return {int(pid) for pid in path.read_text().split() if alive(pid)}


@pytest.fixture
def play(tmp_path):
    """Run `scene(pool, changes)` with a pool of two; afterwards it is closed and nothing is left of it."""

    def run(scene, count=2):
        async def main():
            changes = asyncio.Queue()
            pool = WorkerPool(count, tmp_path, lambda: changes.put_nowait(pool.sockets))
            try:
                async with asyncio.timeout(60):
                    return await scene(pool, changes)
            finally:
                await pool.close(within=10)

        # A gRPC server of another test's, collected in a child that uvloop forks, would wait there for a thread that
        # only this process has, at full load and for ever.
        gc.collect()
        before = children()
        result = uvloop.run(main())
        assert children() <= before
        return result

    return run


def pids(pool):
    """Process ids of the workers in use."""
    return [pool._workers[index].process.pid for index in sorted(pool._workers)]


def test_a_generation_takes_over_when_all_of_it_is_ready(play, tmp_path):
    """Nothing is announced before it is adopted; each worker has a socket and a writer of its own."""
    notes = []

    async def scene(pool, changes):
        generation = await pool.spawn(command(GOOD, notes))
        assert changes.empty()
        assert pool.running == 0
        assert pool.adopt(generation) == ()
        assert pool.running == 2
        return await changes.get()

    sockets = play(scene)
    assert sockets == (str(tmp_path / "w0.1.sock"), str(tmp_path / "w1.1.sock"))
    assert sorted(notes) == [(f"unix:{path}", Path(path).stem) for path in sockets]


@pytest.mark.parametrize(
    ("program", "text"),
    [
        (BROKEN, r"worker \d did not start \(exit status 3\)"),
        (TALKER, r"worker \d did not start \(exit status -9\)"),
        (SILENT, r"worker \d was not ready within 0.5 s"),
    ],
)
def test_a_worker_that_does_not_come_up(play, monkeypatch, program, text):
    """The error says which and how it ended; its siblings are ended too."""
    programs = [GOOD, program]
    if program is SILENT:
        monkeypatch.setattr(workers, "START_SECONDS", 0.5)

    async def scene(pool, _):
        with pytest.raises(WorkerNotStarted, match=text):
            await pool.spawn(command(programs.pop))
        async with asyncio.timeout(10):
            while pool._alive:  # noqa: ASYNC110 - another process has to be polled
                await asyncio.sleep(0.01)
        assert pool.running == 0

    play(scene)


def test_a_start_that_is_given_up_leaves_nobody(play):
    """Neither those that were ready nor those that were not."""
    programs = [GOOD, SILENT]

    async def scene(pool, _):
        starting = asyncio.create_task(pool.spawn(command(programs.pop)))
        while len(pool._alive) < 2:  # noqa: ASYNC110 - another process has to be polled
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        while pool._alive:  # noqa: ASYNC110 - another process has to be polled
            await asyncio.sleep(0.01)

    play(scene)


def test_a_worker_that_dies_is_replaced(play, tmp_path):
    """Its socket leaves at once, its successor listens on a fresh one; the other goes on."""

    async def scene(pool, changes):
        pool.adopt(await pool.spawn(command(GOOD)))
        first = await changes.get()
        keeps = pids(pool)[1]
        os.kill(pids(pool)[0], signal.SIGKILL)
        return first, await changes.get(), await changes.get(), keeps == pids(pool)[1]

    with capture_logs() as logged:
        first, without, after, kept = play(scene)
    assert without == first[1:]
    assert after == (str(tmp_path / "w0.2.sock"), first[1])
    assert kept
    assert [(line["event"], line["status"]) for line in logged] == [("worker died, starting another", -9)]


def test_a_worker_that_keeps_dying_is_tried_again_ever_more_slowly(play, monkeypatch):
    """Between two attempts the wait doubles up to its limit; the first that succeeds is used."""
    monkeypatch.setattr(workers, "BACKOFF_SECONDS", (0.01, 0.04))
    waits, sleep = [], asyncio.sleep

    async def slept(seconds):
        waits.append(seconds)
        await sleep(0)

    programs = [GOOD, BROKEN, BROKEN, BROKEN, BROKEN, GOOD, GOOD]

    async def scene(pool, changes):
        pool.adopt(await pool.spawn(command(programs.pop)))
        await changes.get()
        monkeypatch.setattr(workers.asyncio, "sleep", slept)
        os.kill(pids(pool)[0], signal.SIGKILL)
        await changes.get()
        return await changes.get()

    with capture_logs() as logged:
        assert len(play(scene)) == 2
    assert waits == [0.01, 0.02, 0.04, 0.04]
    assert [line["event"] for line in logged][1:] == ["worker not started"] * 4


def test_a_new_generation_gives_the_old_one_back(play):
    """The old workers live until they are stopped, are not restarted, and their end is no death."""

    async def scene(pool, changes):
        pool.adopt(await pool.spawn(command(GOOD)))
        old_pids = pids(pool)
        retired = pool.adopt(await pool.spawn(command(GOOD)))
        assert sorted(worker.process.pid for worker in retired) == sorted(old_pids)
        assert all(alive(pid) for pid in old_pids)
        fresh = pids(pool)
        await pool.stop(retired, number=signal.SIGTERM, within=30)
        assert not any(alive(pid) for pid in old_pids)
        assert pids(pool) == fresh
        assert pool.running == 2
        return changes.qsize()

    with capture_logs() as logged:
        assert play(scene) == 2
    assert logged == []


def test_a_worker_that_dies_while_the_next_generation_starts(play):
    """What was being started in its place gives way to the worker of the new generation."""
    old, new = [], []
    slow = "import time; time.sleep(1.5); " + GOOD
    programs = [GOOD, GOOD]

    async def scene(pool, changes):
        pool.adopt(await pool.spawn(command(lambda: programs.pop() if programs else slow, old)))
        await changes.get()
        os.kill(pids(pool)[0], signal.SIGKILL)
        await changes.get()
        # The successor takes its time; meanwhile a whole generation is started and adopted.
        pool.adopt(await pool.spawn(command(GOOD, new)))
        adopted = pids(pool)
        while len(pool._alive) > 3:  # noqa: ASYNC110 - another process has to be polled
            await asyncio.sleep(0.01)
        assert pids(pool) == adopted
        return pool.sockets

    with capture_logs():
        sockets = play(scene)
    assert sorted(f"unix:{path}" for path in sockets) == sorted(socket for socket, _ in new)
    assert len(old) == 3


def test_one_that_ignores_the_signal_is_killed_after_its_time(play):
    """Stopping takes as long as it is given and no longer."""

    async def scene(pool, _):
        pool.adopt(await pool.spawn(command(DEAF)))
        retired = pool.adopt(await pool.spawn(command(GOOD)))
        await pool.stop(retired, number=signal.SIGTERM, within=0.2)
        return [worker.process.returncode for worker in retired]

    with capture_logs() as logged:
        assert play(scene) == [-9, -9]
    assert [(line["log_level"], line["workers"]) for line in logged] == [("warning", 2)]


def test_closing_ends_every_generation(play):
    """Also one that was retired and has not ended, and one that was never adopted."""

    async def scene(pool, _):
        pool.adopt(await pool.spawn(command(GOOD)))
        pool.adopt(await pool.spawn(command(GOOD)))
        await pool.spawn(command(GOOD))
        assert len(pool._alive) == 6
        await pool.close(within=30)
        assert pool.running == 0
        assert not pool._alive

    with capture_logs() as logged:
        play(scene)
    assert logged == []


def test_stopping_what_has_ended_already_is_nothing(play):
    """A worker that died by itself is not waited for."""

    async def scene(pool, _):
        generation = await pool.spawn(command(GOOD))
        for worker in generation.workers:
            worker.process.kill()
            await worker.process.wait()
        await pool.stop(generation.workers, number=signal.SIGTERM, within=30)
        return [worker.process.returncode for worker in generation.workers]

    assert play(scene) == [-9, -9]
