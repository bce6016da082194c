"""A trail over many months: gateways that come and go, crash, rotate, and remove what has passed its retention."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import orjson

from extproc.audit import pruned, segment
from extproc.audit.checkpoint import Head
from extproc.audit.merkle import leaf
from extproc.audit.pruned import Removed

DAY = 86400.0
RETENTION = 30


@dataclass
class Life:
    """What is written over the days, by one gateway after another."""

    trail: Any
    dice: random.Random
    now: float
    gateway: Any = None
    workers: list[Any] = field(default_factory=list)
    runs: int = 0

    def day(self, *, steady: bool) -> None:
        """One day: records, checkpoints, rotation, removals; unless `steady`, maybe the end of a run, or a crash."""
        if self.gateway is None:
            self._start()
        for writer in (self.gateway, *self.workers):
            writer.now = self.now
            writer.rotate()
        for worker in self.workers:
            worker.exchanges(self.dice, 2)
        self.gateway.checkpoint(*(worker.head() for worker in self.workers))
        self._remove()
        if not steady and self.dice.random() < 0.15:
            self._stop(crash=self.dice.random() < 0.5)
        self.now += DAY

    def _start(self) -> None:
        self.runs += 1
        found = [self._end(chain) for chain in sorted({segment.parse(name).chain for name in self.trail.files})]
        self.gateway = self.trail.writer(f"gateway{self.runs}", self.now)
        self.workers = [
            self.trail.writer(f"w{index}-{self.runs}", self.now, supervisor=self.gateway.name) for index in range(2)
        ]
        for writer in (*self.workers, self.gateway):
            writer.write()
        self.gateway.checkpoint(*found)

    def _stop(self, *, crash: bool) -> None:
        if crash:
            for writer in (*self.workers, self.gateway):
                writer.exchanges(self.dice, 1)
                data = self.trail.files[writer.file]
                self.trail.files[writer.file] = data[: self.dice.randint(writer.batch_begins, len(data))]
        else:
            for worker in self.workers:
                worker.close()
            self.gateway.checkpoint(*(worker.head(final=True) for worker in self.workers))
            self.gateway.close()
        self.gateway, self.workers = None, []

    def _names(self, chain: str) -> list[str]:
        return sorted(name for name in self.trail.files if segment.parse(name).chain == chain)

    def _end(self, chain: str) -> Head:
        """A dead chain's end, as one finds it in its files."""
        for name in reversed(self._names(chain)):
            data = self.trail.files[name]
            seals = [line for line in data.split(b"\n")[:-1] if b'"event":"seal"' in line]
            if seals:
                seq = orjson.loads(seals[-1])["seq"]
                return Head(chain, segment.parse(name).number, seq, leaf(seals[-1]).hex(), final=True, size=len(data))
        raise AssertionError

    def _remove(self) -> None:
        """Of each chain the oldest segments that are old enough, but for those that are being written."""
        living = {writer.file for writer in (self.gateway, *self.workers)}
        removed = []
        for chain in sorted({segment.parse(name).chain for name in self.trail.files}):
            for name in self._names(chain):
                seals = [line for line in self.trail.files[name].split(b"\n")[:-1] if b'"event":"seal"' in line]
                if name in living or not seals:
                    break
                first, last = orjson.loads(self.trail.files[name].split(b"\n")[0]), orjson.loads(seals[-1])
                if last["time"][:10] >= self._before(RETENTION):
                    break
                removed.append(Removed(name, first["seq"], last["seq"], leaf(seals[-1]).hex(), last["time"], RETENTION))
        if removed:
            self.gateway.write(pruned.document(removed, self.gateway.now + 1))
        for one in removed:
            del self.trail.files[one.segment]

    def _before(self, days: int) -> str:
        from extproc.record import timestamp  # noqa: PLC0415 - beside its only use

        return timestamp(self.now - days * DAY)[:10]


def test_no_alarm_in_many_months(trails, keys, tmp_path):
    """Over a long run and then many short ones, of which half crash, the trail is whole on every tenth day."""
    trail = trails(signing=keys("signing"), days=RETENTION)
    life = Life(trail, random.Random(3), 1772366400.0)
    notes = set()
    for day in range(240):
        life.day(steady=day < 90)
        if day % 10 == 9:
            report = trail.report(tmp_path)
            assert [(day, finding.place, finding.text) for finding in report.findings] == []
            notes |= {note.code for note in report.notes}
    assert life.runs > 10
    assert notes >= {"open", "tail", "crashed", "removed-earlier"}
    # Not everything is let pass for that: one more segment gone is missed.
    name = sorted(trail.files, key=lambda name: segment.parse(name).date)[len(trail.files) // 2]
    del trail.files[name]
    assert not trail.report(tmp_path).whole
