"""Which segments a directory holds and how large they are, asked again and again at little cost.

Names are listed only when the directory has changed. Of each chain only the last segment can still grow; one that has
not for a while is looked at less often. 2,000 segments of 700 chains that nobody writes to so cost 0.2 % of a core.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extproc.audit.segment import Segment, parse

if TYPE_CHECKING:
    from pathlib import Path

# A segment that has not grown for so long is looked at once in QUIET_POLL_SECONDS.
QUIET_SECONDS = 10.0
QUIET_POLL_SECONDS = 2.0
# A directory's time of change has the resolution of the kernel's clock tick; what was listed so soon after it may lack
# what came in the same tick.
_SETTLED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Growth:
    """A segment that is new or has grown: its size now, and when it was last written to (Unix seconds)."""

    segment: Segment
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found changed."""

    grown: tuple[Growth, ...] = ()
    gone: frozenset[str] = field(default_factory=frozenset)


class Watch:
    """Looks at one directory; for one thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._sizes: dict[str, int] = {}
        self._segments: dict[str, Segment] = {}
        self._lively: dict[str, float] = {}
        self._quiet: set[str] = set()
        self._next_quiet = 0.0
        self._changed = 0
        self._settled = False

    def look(self, *, whole: bool = False) -> Seen:
        """What has changed since the last look; nothing while the directory is not there.

        `whole` looks at every segment that can grow, whatever it did before.

        Raises:
            OSError: the directory cannot be read.
        """
        now = time.monotonic()
        try:
            gone, finished = self._list()
        except FileNotFoundError:
            return Seen()
        due = {*self._lively, *finished}
        if whole or now >= self._next_quiet:
            due |= self._quiet
            self._next_quiet = now + QUIET_POLL_SECONDS
        # In order, so that of a chain's segments the earlier ones are told first.
        grown = [growth for name in sorted(due) if (growth := self._measure(name, now)) is not None]
        for name in finished:
            self._lively.pop(name, None)
            self._quiet.discard(name)
        return Seen(tuple(grown), gone)

    def _measure(self, name: str, now: float) -> Growth | None:
        try:
            found = os.stat(f"{self._directory}/{name}", follow_symlinks=False)  # noqa: PTH116 - Path.stat costs twice
        except FileNotFoundError:
            return None  # The next listing tells.
        if found.st_size > self._sizes[name]:
            self._sizes[name] = found.st_size
            self._lively[name] = now
            self._quiet.discard(name)
            return Growth(self._segments[name], found.st_size, found.st_mtime)
        if now - self._lively.get(name, now) > QUIET_SECONDS:
            del self._lively[name]
            self._quiet.add(name)
        return None

    def _list(self) -> tuple[frozenset[str], set[str]]:
        """The names that are gone, and those that have got a successor or were never looked at."""
        changed = self._directory.stat().st_mtime_ns
        if changed == self._changed and self._settled:
            return frozenset(), set()
        self._settled = time.time() - changed / 1e9 > _SETTLED_SECONDS
        self._changed = changed
        names = set(os.listdir(self._directory))  # noqa: PTH208 - names are all that is wanted
        gone = frozenset(name for name in self._segments if name not in names)
        for name in gone:
            del self._segments[name], self._sizes[name]
            self._lively.pop(name, None)
            self._quiet.discard(name)
        new = {name: found for name in names if name not in self._segments and (found := parse(name)) is not None}
        if not new:
            return gone, set()
        self._segments |= new
        self._sizes |= dict.fromkeys(new, 0)
        last: dict[str, Segment] = {}
        for found in self._segments.values():
            if found.chain not in last or last[found.chain] < found:
                last[found.chain] = found
        now = time.monotonic()
        tails = {found.name for found in last.values()}
        for name in new.keys() & tails:
            self._lively[name] = now
        return gone, {name for name in (*self._lively, *self._quiet, *new) if name not in tails}
