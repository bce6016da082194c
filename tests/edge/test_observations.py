"""Rows shared by workers: real files, real processes, a real SIGKILL."""

from __future__ import annotations

import fcntl
import mmap
import signal
import subprocess
import sys
import time

import pytest
from structlog.testing import capture_logs

from extproc.edge import observations
from extproc.edge.observations import Peers, SharedRows, open_ledger, own_ledger
from extproc.routing.row import EMPTY, Row, key_of
from extproc.testing import NOW, make_runtime, make_target

EAST, WEST = make_target("east"), make_target("west")
KEYS = [key_of(EAST), key_of(WEST)]
WINDOW = 60.0
# Another worker: opens the books, takes an exchange, and waits or writes on.
WORKER = """
import sys, time
from pathlib import Path
from extproc.edge.observations import SharedRows
from extproc.routing.row import Row, key_of
from extproc.testing import make_target

key = key_of(make_target("east"))
shared = SharedRows(Path(sys.argv[1]), [key], 60.0)
if sys.argv[2] == "wait":
    shared.publish(key, Row(in_flight=3.0, success=5.0))
print("ready", flush=True)
if sys.argv[2] == "write":
    number = 0.0
    while True:
        number += 1.0
        shared.publish(key, Row(*[number] * len(Row._fields)))
time.sleep(600)
"""


@pytest.fixture
def worker(tmp_path):
    """Start a worker process that shares the directory; killed at the end."""
    started = []

    def start(mode="wait"):
        command = [sys.executable, "-c", WORKER, str(tmp_path), mode]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def shared(tmp_path):
    """Open the books of further workers in this process."""
    opened = []

    def start(keys=KEYS):
        opened.append(SharedRows(tmp_path, keys, WINDOW))
        return opened[-1]

    yield start
    for rows in opened:
        rows.close()


def test_each_sees_the_others_rows_and_not_its_own(shared):
    """What one worker writes, another reads; nobody counts itself twice."""
    one, two, three = shared(), shared(), shared()
    one.publish(KEYS[0], Row(in_flight=1.0))
    two.publish(KEYS[0], Row(in_flight=2.0, success=1.0))
    assert [rows.others(KEYS[0], NOW).in_flight for rows in (one, two, three)] == [2.0, 1.0, 3.0]
    assert one.others(KEYS[1], NOW) == EMPTY
    one.publish(KEYS[0], Row(in_flight=9.0))
    assert three.others(KEYS[0], NOW).in_flight == 3
    assert three.others(KEYS[0], NOW + observations.REFRESH_SECONDS).in_flight == 11


def test_a_worker_in_another_process_is_seen(worker, shared):
    """Across processes, by the file alone."""
    mine = shared()
    worker()
    assert mine.others(KEYS[0], NOW).success == 5


def test_a_killed_workers_exchanges_do_not_stay(worker, shared):
    """After SIGKILL nothing of it is in flight; its counts stay, and the next worker goes on with them."""
    mine = shared()
    process = worker()
    assert mine.others(KEYS[0], NOW).in_flight == 3
    process.send_signal(signal.SIGKILL)
    process.wait()
    row = mine.others(KEYS[0], NOW + observations.SCAN_SECONDS)
    assert (row.in_flight, row.success) == (0.0, 5.0)
    successor = shared()
    assert (successor.rows[KEYS[0]], successor.rows[KEYS[1]]) == (Row(success=5.0), EMPTY)
    assert mine.others(KEYS[0], NOW + 2).success == 5


def test_torn_reads_are_never_seen(worker, shared):
    """While a row is written as fast as can be, every row that is read is one that was written, whole."""
    mine = shared()
    worker("write")
    seen = set()
    for step in range(1_000_000):
        row = mine.others(KEYS[0], NOW + step * observations.REFRESH_SECONDS)
        seen.add(tuple(set(row)))
        if len(seen) > 10:
            break
    # The worker writes one number into all fields: of a torn row there would be two.
    assert {len(numbers) for numbers in seen} == {1}
    assert len(seen) > 10


def test_a_half_written_row_counts_as_it_was(shared, tmp_path):
    """A checksum that does not fit is a write under way: what was read before holds."""
    one, two = shared(), shared()
    one.publish(KEYS[0], Row(success=1.0))
    assert two.others(KEYS[0], NOW).success == 1
    [path] = [path for path in tmp_path.glob("*.rows") if b"\xf0?" in path.read_bytes()]
    data = bytearray(path.read_bytes())
    data[len(observations._HEADER) + 20] ^= 0xFF
    with path.open("r+b") as file, mmap.mmap(file.fileno(), len(data)) as view:
        view[:] = bytes(data)
    assert two.others(KEYS[0], NOW + 0.1).success == 1
    one.publish(KEYS[0], Row(success=2.0))
    assert two.others(KEYS[0], NOW + 0.2).success == 2


def test_a_reload_keeps_what_it_knows_of_targets_that_stay(shared):
    """Workers of two configurations side by side: rows go by the target, whatever its place in the file."""
    before = shared()
    before.publish(KEYS[1], Row(success=4.0))
    moved = key_of(make_target("east", endpoint="another"))
    after = shared([KEYS[1], moved])
    assert after.others(KEYS[1], NOW).success == 4
    assert after.others(moved, NOW) == EMPTY


def test_a_file_is_taken_over_by_another_configuration(shared, tmp_path):
    """With fewer targets than before: the rows of those that are gone are nobody's any more."""
    first = SharedRows(tmp_path, KEYS, WINDOW)
    first.publish(KEYS[0], Row(success=1.0, in_flight=5.0))
    first.publish(KEYS[1], Row(success=2.0))
    first.close()
    second, reader = shared([KEYS[1]]), shared()
    assert second.rows == {KEYS[1]: Row(success=2.0)}
    assert len(list(tmp_path.glob("*.rows"))) == 2
    assert [reader.others(key, NOW).success for key in KEYS] == [0.0, 2.0]


def test_files_of_another_format_are_left_alone(shared, tmp_path):
    """Neither a file of another version, nor an empty one, nor one that is locked meanwhile, is read or harms."""
    (tmp_path / "old.rows").write_bytes(b"kt rows 0/999\n" + bytes(5000))
    (tmp_path / "new.rows").touch()
    (tmp_path / "note.txt").write_text("not ours")
    locked = [(tmp_path / name).open("rb") for name in ("old.rows", "new.rows")]
    for file in locked:
        fcntl.flock(file, fcntl.LOCK_EX)
    one = shared()
    assert one.others(KEYS[0], NOW) == EMPTY
    for file in locked:
        file.close()
    assert shared().rows == dict.fromkeys(KEYS, EMPTY)
    assert (tmp_path / "note.txt").read_text() == "not ours"


def test_the_supervisor_reads_without_a_file_of_its_own(shared, tmp_path):
    """All workers are there to be read; a directory that is not there yet has none."""
    shared().publish(KEYS[0], Row(success=1.0))
    shared().publish(KEYS[0], Row(success=2.0))
    peers = Peers(tmp_path, WINDOW)
    assert peers.row(KEYS[0], time.time()).success == 3
    peers.close()
    assert Peers(tmp_path / "missing", WINDOW).row(KEYS[0], NOW) == EMPTY


def test_the_directory_is_private(tmp_path):
    """Made for its owner alone, as are the files."""
    directory = tmp_path / "deep" / "rows"
    SharedRows(directory, KEYS, WINDOW).close()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_books_alone_and_together(tmp_path):
    """Without a directory each worker goes by itself; with one, two workers know the same."""
    runtime = make_runtime(EAST, WEST)
    alone, nothing = open_ledger(runtime, None)
    assert nothing is None
    alone.began("east")
    (one, first), (two, second) = open_ledger(runtime, tmp_path), open_ledger(runtime, tmp_path)
    one.attempted("east", "server_error", NOW)
    two.began("west")
    assert two.of("east", NOW + 1).streak == 1
    assert one.of("west", NOW + 2).in_flight == 1
    assert one.of("east", NOW).in_flight == 0
    assert own_ledger(runtime).of("east", NOW) == EMPTY
    first.close()
    second.close()


def test_a_directory_that_cannot_be_used_stops_nobody(tmp_path):
    """The worker goes by what it sees itself, and its log says so."""
    (tmp_path / "file").touch()
    with capture_logs() as logged:
        ledger, shared = open_ledger(make_runtime(EAST), tmp_path / "file" / "rows")
    assert shared is None
    ledger.began("east")
    assert ledger.of("east", NOW).in_flight == 1
    assert [entry["log_level"] for entry in logged] == ["error"]


def test_a_full_disk_is_no_sigbus(tmp_path):
    """The file's blocks are there before it is mapped: nothing that is written later can be refused."""
    rows = SharedRows(tmp_path, KEYS, WINDOW)
    [path] = tmp_path.glob("*.rows")
    assert path.stat().st_blocks * 512 >= path.stat().st_size > 0
    rows.close()
