"""Shipping a trail: all of it, to each sink at its own pace, across the deaths of processes."""

import random
import signal
import subprocess
import sys
import threading

import pytest
from structlog.testing import capture_logs

from extproc.edge.trail import cursor, watch
from extproc.edge.trail.shipper import Shipper


@pytest.fixture
def ship(directory, soon):  # noqa: ARG001 - what it changes lasts as long
    """Start shipping to sinks; ended with the test."""
    started = []

    def start(*sinks):
        made = Shipper(directory, sinks)
        made.start()
        started.append((made, sinks))
        return made

    yield start
    for made, sinks in started:
        for sink in sinks:
            sink.gate.set()
        made.stop(0.2)


def test_every_chain_is_followed(trail, directory, ship):
    """Dead chains, living ones, new segments and new chains: each sink gets each sealed part whole, in order."""
    dead = trail.Writing(directory, "dead.0123456789ab")
    dead.batch()
    dead.tail(b'{"chain":"dead.0123')
    writers = [trail.Writing(directory, f"w{number}.0123456789ab") for number in range(3)]
    sinks = [trail.Memory(name="a"), trail.Memory(name="b", batch_bytes=1000), trail.Memory(name="c", batch_records=3)]
    shipper = ship(*sinks)
    dice = random.Random(7)
    for _ in range(200):
        writer = dice.choice(writers)
        if dice.random() < 0.1:
            writer.segment()
        writer.batch(dice.randrange(1, 5))
    assert shipper.stop(60.0) == ()
    sealed = {path.name: path.read_bytes() for writer in writers for path in writer.paths}
    sealed[dead.paths[0].name] = dead.written()[: -len(b'{"chain":"dead.0123')]
    for sink in sinks:
        assert sink.got() == sealed
        numbers = {}
        for piece in sink.pieces:
            chain, number = piece.path.name.rsplit(".", 2)[0], int(piece.path.name.rsplit(".", 2)[1])
            assert numbers.get(chain, 0) <= number
            numbers[chain] = number
    assert shipper.delivered == {name: len(data) for name, data in sealed.items()}


def test_a_dead_sink_slows_no_other(trail, directory, ship):
    """One that hangs and one that fails: the third gets everything meanwhile."""
    writing = trail.Writing(directory)
    hanging, failing, sound = (trail.Memory(name=name) for name in ("hanging", "failing", "sound"))
    hanging.gate.clear()
    failing.faults = [trail.Undelivered("connection")] * 1_000_000
    shipper = ship(hanging, failing, sound)
    for _ in range(20):
        writing.batch()
        trail.until(lambda: sound.pieces and sound.got()[writing.paths[0].name] == writing.written())
    by_name = {status.name: status for status in shipper.status()}
    assert by_name["sound"].backlog_bytes == 0
    assert by_name["hanging"].backlog_bytes == by_name["failing"].backlog_bytes == len(writing.written())
    assert by_name["failing"].last_error == "connection"


def test_only_required_sinks_fail_the_trail(trail, directory, ship):
    """`failed` names required sinks that are behind by more than they may be, and only while they are."""
    required, other = (
        trail.Memory(name="required", max_lag=0.05),
        trail.Memory(name="other", required=False, max_lag=0.05),
    )
    shipper = ship(required, other)
    assert shipper.failed == ()
    for sink in (required, other):
        sink.gate.clear()
    trail.Writing(directory).batch()
    trail.until(lambda: shipper.failed == ("required",))
    required.gate.set()
    trail.until(lambda: shipper.failed == ())
    assert shipper.status()[1].backlog_bytes > 0


def test_delivered_is_what_every_required_sink_has(trail, directory, ship):
    """Retention may only remove what the slowest required sink has; one that is not required does not count."""
    writing = trail.Writing(directory)
    data = writing.batch()
    fast, slow, other = trail.Memory(name="fast"), trail.Memory(name="slow"), trail.Memory(name="o", required=False)
    slow.gate.clear()
    other.gate.clear()
    shipper = ship(fast, slow, other)
    name = writing.paths[0].name
    trail.until(lambda: fast.pieces)
    assert shipper.delivered.get(name, 0) == 0
    slow.gate.set()
    trail.until(lambda: shipper.delivered == {name: len(data)})
    assert Shipper(directory, [other]).delivered is None


def test_one_process_ships_and_the_next_takes_over(trail, directory, ship):
    """Two shippers of one directory deliver nothing twice; when the first ends, the second goes on from its cursor."""
    writing = trail.Writing(directory)
    first = writing.batch()
    one, two = trail.Memory(), trail.Memory()
    shipping = ship(one)
    trail.until(lambda: one.pieces)
    waiting = ship(two)
    assert waiting.status()[0].last_error == "not shipped by this process"
    assert (waiting.failed, waiting.delivered) == ((), {})
    assert shipping.stop(60.0) == ()
    second = writing.batch()
    trail.until(lambda: two.pieces)
    assert ([piece.data for piece in one.pieces], [piece.data for piece in two.pieces]) == ([first], [second])
    assert waiting.status()[0].last_error == ""


def test_what_has_not_begun_can_be_stopped(trail, directory):
    """Stopping without a start, twice, or before there is a trail is no error."""
    shipper = Shipper(directory, [trail.Memory()])
    assert shipper.stop(1.0) == ()
    shipper.start()
    assert (shipper.stop(1.0), shipper.stop(1.0)) == ((), ())


def test_a_fault_of_ours_is_not_silence(trail, directory, ship, monkeypatch):
    """When following the trail fails in a way that nobody thought of, required sinks count as failed in the end."""

    def fault(*_, **__):
        raise ValueError("secret")

    monkeypatch.setattr(watch.Watch, "look", fault)
    trail.Writing(directory).batch()
    with capture_logs() as logged:
        shipper = ship(trail.Memory(max_lag=0.05))
        trail.until(lambda: shipper.failed == ("memory",))
    assert [line.get("error") for line in logged] == ["ValueError"]


def test_without_sinks_nothing_runs(directory):
    """A trail without sinks costs no thread, and has nothing to fail."""
    before = threading.active_count()
    shipper = Shipper(directory, ())
    shipper.start()
    assert (threading.active_count(), shipper.failed, shipper.status(), shipper.stop(1.0)) == (before, (), (), ())


def test_a_trail_that_cannot_be_read_fails_in_the_end(trail, directory, ship):
    """When the directory cannot be read, no sink can be known to have it all."""
    with capture_logs() as logged:
        shipper = ship(trail.Memory(max_lag=0.05))
        directory.write_text("")
        trail.until(lambda: shipper.failed == ("memory",))
        directory.unlink()
        trail.until(lambda: shipper.failed == ())
    assert [line["event"] for line in logged] == ["the audit trail cannot be followed"]


# Appends what it gets to a file and dies by SIGKILL at a moment of its own.
PROGRAM = """
import os, random, signal, sys, time
from pathlib import Path
from extproc.config.sink_settings import SinkSettings
from extproc.edge.trail import delivery, shipper
delivery.SAVE_SECONDS = shipper.POLL_SECONDS = 0.005
class Sink:
    settings, rejected = SinkSettings(name="file", interval=0.0, batch_bytes=2000), 0
    def prepare(self): pass
    def deliver(self, piece):
        with open(sys.argv[2], "ab") as file:
            file.write(f"{piece.path.name} {piece.offset} {len(piece.data)}\\n".encode() + piece.data)
        return len(piece.data)
made = shipper.Shipper(Path(sys.argv[1]), [Sink()])
made.start()
if sys.argv[3] == "end":
    sys.exit(len(made.stop(60.0)))
print("started", flush=True)
time.sleep(random.Random(int(sys.argv[3])).uniform(0.0, 0.1))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_nothing(trail, directory, tmp_path):
    """Killed at any moment, again and again: whoever comes next goes on, and at most repeats what was under way."""
    writers = [trail.Writing(directory, f"w{number}.0123456789ab") for number in range(2)]
    received = tmp_path / "received"
    command = [sys.executable, "-c", PROGRAM, str(directory), str(received)]
    for seed in range(6):
        with subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE) as process:
            process.stdout.read(7)
            while process.poll() is None:
                for writer in writers:
                    writer.batch()
        assert process.returncode == -signal.SIGKILL
    subprocess.run([*command, "end"], check=True)
    got = {}
    data = received.read_bytes()
    while data:
        head, _, data = data.partition(b"\n")
        name, offset, size = head.split()
        # A piece that was broken off in the middle, by the death of the process that wrote it, is none here: it is
        # one write() each.
        held = got.setdefault(name.decode(), bytearray())
        assert int(offset) <= len(held)
        held[int(offset) :] = data[: int(size)]
        data = data[int(size) :]
    assert got == {writer.paths[0].name: writer.written() for writer in writers}
    assert cursor.load(directory, "file") == {writer.paths[0].name: len(writer.written()) for writer in writers}
