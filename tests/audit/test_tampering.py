"""The mutation proof: whatever is done to a trail is found, and a trail to which nothing was done gives no alarm."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from extproc.audit.report import Report
from extproc.audit.verify import verify
from extproc.edge.trail.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MUTATIONS = 1600
CRASHES = 300
SEEDS = (1, 2, 3)


Files = dict[str, bytes]


class Bench:
    """A trail in a directory, to which mutations are done and undone."""

    def __init__(self, directory: Path, trail: Any, sealed_size: Callable[[bytes], int]) -> None:
        self.directory, self.trail, self.sealed_size = directory, trail, sealed_size
        self.base = dict(trail.files)
        trail.save(directory)
        self.untouched = self.report()

    def report(self) -> Report:
        """What the auditor is told, who has the public key and knows that the gateway was stopped."""
        report = Report()
        listing = Listing(self.directory, report)
        return verify(listing.sources, [self.trail.signing.public], closed=True, report=report)

    def after(self, files: Files) -> Report:
        """The report on other files."""
        changed = {name for name in {*files, *self.base} if files.get(name) != self.base.get(name)}
        self._write(changed, files)
        try:
            return self.report()
        finally:
            self._write(changed, self.base)

    def counts_nothing(self, files: Files) -> bool:
        """Whether all that differs are bytes that a crash left behind the last seal, in a file of the same length.

        They were never durable, no record of them is shown or counted, and nobody can know what they were.
        """
        differing = [name for name in {*files, *self.base} if files.get(name) != self.base.get(name)]
        for name in differing:
            if name not in files or name not in self.base:
                return False
            old, new = self.base[name], files[name]
            sealed = self.sealed_size(old)
            if len(old) != len(new) or old[:sealed] != new[:sealed]:
                return False
        return True

    def _write(self, names: set[str], files: Files) -> None:
        for name in names:
            path = self.directory / name
            if name in files:
                path.write_bytes(files[name])
            else:
                path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def benches(tmp_path_factory, realistic_trail, sealed_size):
    """Several trails, all of different lines."""
    return [Bench(tmp_path_factory.mktemp(f"trail{seed}"), realistic_trail(seed), sealed_size) for seed in SEEDS]


def test_untouched_trails_are_whole(benches):
    """Nothing is found in trails with a crashed worker, removed segments and two runs, though all must be closed."""
    for bench in benches:
        assert bench.untouched.findings == []
        assert bench.untouched.totals.records > 20
        assert {note.code for note in bench.untouched.notes} == {"tail", "crashed", "dropped"}


@pytest.mark.parametrize("part", range(4))
def test_every_mutation_is_found(benches, keys, mutations, part):
    """Whatever is done to a trail is found; each kind is done often, and none does nothing."""
    dice = random.Random(part)
    attacker = mutations(dice, keys("attacker"))
    kinds = sorted(name for name in vars(mutations) if not name.startswith("_"))
    done: Counter[str] = Counter()
    missed = []
    while done.total() < MUTATIONS // 4:
        kind = kinds[done.total() % len(kinds)]
        bench = dice.choice(benches)
        files = dict(bench.base)
        getattr(attacker, kind)(files)
        if files == bench.base:
            continue
        if bench.counts_nothing(files):
            # Not counted: what a crash left may be anything. But it must not change what is counted.
            assert bench.after(files).totals.events == bench.untouched.totals.events
            continue
        done[kind] += 1
        if bench.after(files).whole:
            missed.append((kind, part, done.total()))
    assert missed == []
    assert min(done.values()) >= 10
