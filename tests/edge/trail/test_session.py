"""One chain on the disk, in segments; and what is left of it when the power fails at any moment."""

import errno
import os
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from extproc.audit.verify import verify
from extproc.edge.trail import keys, session
from extproc.edge.trail.listing import Listing
from extproc.edge.trail.session import Session

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
REAL_WRITE, REAL_SYNC = os.write, os.fdatasync


@pytest.fixture
def opened(tmp_path):
    """Opens sessions and gives them up."""
    made = []

    def build(**options):
        settings = {"voucher": keys.LocalVoucher(PRIVATE), "segment_bytes": 10**9, "durable": True, **options}
        made.append(Session(tmp_path / "audit", "w0", {"retention_days": 1}, **settings))
        return made[-1]

    yield build
    for each in made:
        each._release()


def names(tmp_path):
    """Files of the trail."""
    return sorted(path.name for path in (tmp_path / "audit").iterdir())


def test_nothing_is_made_before_there_is_something_to_write(tmp_path, opened):
    """A writer that never writes leaves no file."""
    opened().close()
    assert not (tmp_path / "audit").exists()


def test_a_new_day_is_a_new_segment(tmp_path, opened, monkeypatch):
    """So retention can go by the date in the name."""
    now = [1_790_000_000.0]
    monkeypatch.setattr(session.time, "time", lambda: now[0])
    one = opened()
    one.write([{"event": "exchange"}])
    now[0] += 86_400
    one.write([{"event": "exchange"}])
    first, second = names(tmp_path)
    assert first.split(".")[0] < second.split(".")[0]
    assert (first.split(".")[3], second.split(".")[3]) == ("000001", "000002")


def test_a_session_that_is_abandoned_leaves_what_was_settled(tmp_path, opened, monkeypatch):
    """Half a batch is cut off again; a segment without a whole batch goes."""
    one = opened()
    one.write([{"event": "exchange"}])
    [name] = names(tmp_path)
    size = (tmp_path / "audit" / name).stat().st_size

    def write(descriptor, data):
        REAL_WRITE(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(session.os, "write", write)
    with pytest.raises(OSError, match="full"):
        one.write([{"event": "exchange"}])
    one.abandon()
    assert (tmp_path / "audit" / name).stat().st_size == size
    two = opened()
    with pytest.raises(OSError, match="full"):
        two.write([{"event": "exchange"}])
    two.abandon()
    assert names(tmp_path) == [name]


def test_a_segment_that_cannot_be_opened_leaves_nothing(tmp_path, opened, monkeypatch):
    """Not even its hidden beginning."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(session.fcntl, "flock", refuse)
    with pytest.raises(OSError, match="no locks"):
        opened().write([{"event": "exchange"}])
    assert names(tmp_path) == []


@pytest.mark.parametrize("seed", range(40))
def test_after_a_power_failure_the_trail_verifies_up_to_what_was_durable(tmp_path, opened, monkeypatch, seed):
    """Of what was never synced the disk may have kept nothing, a part, or a part with holes of zeros."""
    dice = random.Random(seed)
    synced: dict[str, int] = {}

    def sync(descriptor):
        REAL_SYNC(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced[str(path)] = os.fstat(descriptor).st_size

    monkeypatch.setattr(session.os, "fdatasync", sync)
    one = opened(segment_bytes=dice.choice([1500, 10**9]))
    acknowledged = []
    for number in range(dice.randrange(1, 12)):
        one.write([{"event": "exchange", "request_id": f"{number}.{n}"} for n in range(dice.randrange(1, 5))])
        acknowledged.append(number)
    # The batch that was being written.
    monkeypatch.setattr(session.os, "fdatasync", lambda _: None)
    one.write([{"event": "exchange", "request_id": "last"}])
    one._release()
    for path in sorted((tmp_path / "audit").iterdir()):
        data, durable = path.read_bytes(), synced.get(str(path), 0)
        kept = bytearray(data[: dice.randrange(durable, len(data) + 1)])
        if len(kept) > durable + 1 and dice.random() < 0.5:
            hole = dice.randrange(durable, len(kept))
            kept[hole:] = bytes(len(kept) - hole)
        path.write_bytes(kept)
    report = verify(Listing(tmp_path / "audit").sources, [PRIVATE.public_key().public_bytes_raw()])
    assert report.findings == []
    text = b"".join(path.read_bytes() for path in sorted((tmp_path / "audit").iterdir())).decode()
    assert all(f'"{number}.0"' in text for number in acknowledged)
    assert report.totals.records >= len(acknowledged)
