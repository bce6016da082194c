"""Crashes: whatever a kill leaves of a batch, the trail verifies up to the last durable one and says so."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from extproc.audit import merkle
from extproc.audit.chain import GENESIS
from extproc.audit.checkpoint import Head
from extproc.audit.claims import NEVER
from extproc.audit.links import document
from extproc.audit.report import Report
from extproc.audit.verify import verify
from extproc.edge.trail.listing import Listing

if TYPE_CHECKING:
    from pathlib import Path

CRASHES = 300


def running(dice: random.Random, trails: Any, keys: Any) -> tuple[Any, list[Any]]:
    """A trail that is being written, and its writers, the gateway first; of their last batches no checkpoint tells."""
    trail = trails(signing=keys("signing"))
    gateway = trail.writer("gateway")
    workers = [trail.writer(f"w{index}", supervisor=gateway.name) for index in range(3)]
    for _ in range(dice.randrange(1, 4)):
        for worker in workers:
            worker.exchanges(dice, dice.randrange(1, 4))
        gateway.checkpoint(*(worker.head() for worker in workers))
        if dice.random() < 0.3:
            gateway.rotate()
    for worker in workers:
        if dice.random() < 0.3:
            worker.rotate()
        worker.exchanges(dice, dice.randrange(1, 4))
    late = trail.writer("w3", supervisor=gateway.name)
    late.exchanges(dice, 1)
    return trail, [gateway, *workers, late]


def cut(dice: random.Random, writer: Any) -> Head:
    """End a writer somewhere in its last batch, at its begin and its end too; its head as one finds it then."""
    data = writer.trail.files[writer.file]
    at = dice.choice((writer.batch_begins, len(data), dice.randint(writer.batch_begins, len(data))))
    writer.trail.files[writer.file] = data[:at]
    lines = [line for name in sorted(writer.trail.files) if writer.name in name for line in _seals(writer, name)]
    if not lines:
        return Head(writer.name, writer.chain.segment, NEVER, GENESIS, final=True, size=at)
    name, line = lines[-1]
    parsed = document(line)
    number = int(name.split(".")[-2])
    return Head(
        writer.name, number, parsed["seq"], merkle.leaf(line).hex(), final=True, size=len(writer.trail.files[name])
    )


def _seals(writer: Any, name: str) -> list[tuple[str, bytes]]:
    lines = writer.trail.files[name].split(b"\n")[:-1]
    return [(name, line) for line in lines if b'"event":"seal"' in line]


def seen(directory: Path, trail: Any, *, closed: bool = False) -> Report:
    """The report on the files."""
    report = Report()
    return verify(Listing(directory, report).sources, [trail.signing.public], closed=closed, report=report)


@pytest.mark.parametrize("part", range(3))
def test_crash_gives_no_alarm(tmp_path, trails, keys, part):
    """Several writers are cut off at once, at any byte: no finding; open chains and tails are told."""
    dice = random.Random(part)
    for number in range(CRASHES // 3):
        trail, writers = running(dice, trails, keys)
        whole = dict(trail.files)
        dead = dice.sample(writers, dice.randrange(1, len(writers) + 1))
        heads = [cut(dice, writer) for writer in dead]
        directory = trail.save(tmp_path / str(number))
        report = seen(directory, trail)
        assert report.findings == []
        assert [note.code for note in report.notes].count("open") == len(writers)
        torn = [name for name in whole if 0 < len(trail.files[name]) != len(whole[name])]
        assert {note.file for note in report.notes if note.code == "tail"} >= {
            name for name in torn if _unsealed(trail.files[name])
        }
        assert not seen(directory, trail, closed=True).whole

        # The next start finds them dead, and says so; then even an auditor who wants all chains closed is content.
        after = trail.writer("gateway-b", writers[0].now + 60)
        living = [writer for writer in writers if writer not in dead]
        for writer in living:
            if writer.chain.pending:
                writer.write(seconds=60)
            writer.close()
        after.checkpoint(*heads, *(writer.head(final=True) for writer in living))
        after.close()
        trail.save(directory)
        report = seen(directory, trail, closed=True)
        assert report.findings == []
        assert [note.code for note in report.notes].count("crashed") == len(dead)


def _unsealed(data: bytes) -> bool:
    return not data.endswith(b"\n") or b'"event":"seal"' not in data.splitlines()[-1]


def test_power_failure_leaves_zeros(tmp_path, trails, keys):
    """A file whose length reached the disk before its last bytes ends in zeros: a note, and no record."""
    trail = trails(signing=keys("signing"))
    writer = trail.writer("w0")
    dice = random.Random(0)
    writer.exchanges(dice, 2)
    before = len(trail.files[writer.file])
    writer.exchanges(dice, 2)
    data = trail.files[writer.file]
    for kept in (before, before + 10):
        trail.files[writer.file] = data[:kept] + bytes(len(data) - kept)
        report = seen(trail.save(tmp_path / "trail"), trail)
        assert report.whole
        assert report.totals.records == 2
        assert [note.text for note in report.notes if note.code == "tail"] == [
            f"{len(data) - before} bytes after the last seal: never durable, they do not count"
        ]
