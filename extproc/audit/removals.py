"""What `pruned` lines tell of segments that are gone, held against what is here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from extproc.audit import pruned, segment

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from extproc.audit.checkpoint import Head
    from extproc.audit.pruned import Removed
    from extproc.audit.report import Place, Report
    from extproc.audit.walk import Gap, Walk


@dataclass(frozen=True, slots=True)
class _Removal:
    removed: Removed
    place: Place
    time: str
    days: int


class Removals:
    """Collects what is told; `finish` judges it when every chain was read."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._told: dict[str, dict[int, _Removal]] = {}

    def add(self, line: dict[str, object], place: Place, retention_days: int) -> None:
        """A `pruned` line that stands at `place`; `retention_days`: what its writer's chain says."""
        time = str(line.get("time"))
        try:
            listed = pruned.parse(line)
        except ValueError as error:
            self._find("pruned", place, str(error))
            return
        for removed in listed:
            named = segment.parse(removed.segment)
            if named is None:
                self._find("pruned", place, f"it names {removed.segment[:120]!r}, which is no segment")
                continue
            days = max(retention_days, removed.retention_days)
            removal = _Removal(removed, place, time, days)
            self._told.setdefault(named.chain, {}).setdefault(named.number, removal)
            self._check_age(removal, days)

    def covers(self, head: Head) -> bool:
        """Whether it is told that the line which `head` names has been removed."""
        told = self._told.get(head.chain)
        if not told:
            return False
        if head.segment < min(told):
            return True
        removal = told.get(head.segment)
        if removal is None or not removal.removed.first <= head.seq <= removal.removed.last:
            return False
        return head.seq != removal.removed.last or head.hash == removal.removed.hash

    def knows(self, chain: str) -> bool:
        """Whether segments of this chain are told to be removed."""
        return chain in self._told

    def finish(self, walks: Mapping[str, Walk]) -> None:
        """Judge gaps, and what is told of segments that are still here."""
        for each in walks.values():
            for gap in each.gaps:
                self._judge(each, gap)
        for chain, told in self._told.items():
            if chain not in walks:
                self._whole(chain, told)
                continue
            walk = walks[chain]
            for number, removal in told.items():
                self._still_here(walk, number, removal)
                if walk.opened is not None and walk.opened.retention_days > removal.days:
                    self._check_age(removal, walk.opened.retention_days)

    def _judge(self, walk: Walk, gap: Gap) -> None:
        told = self._told.get(walk.chain, {})
        # What told of the oldest may have been removed in its turn, in the segment it stood in.
        lowest = gap.low if gap.low > 1 or gap.high not in told else min(told)
        name = gap.source.name
        untold = _untold(told, lowest, gap.high)
        if untold:
            text = f"segment {untold} of chain {walk.chain} is not here, and nothing tells that it was removed"
            self._report.find("segment-missing", name, text)
            return
        seq, hashed = gap.seq if lowest == gap.low else told[lowest].removed.first, gap.hash
        for number in range(lowest, gap.high + 1):
            removed = told[number].removed
            if removed.first != seq:
                self._find("pruned", told[number].place, f"{removed.segment} does not follow what was before it")
            seq, hashed = removed.last + 1, removed.hash
        if (gap.next, gap.prev) != (seq, hashed):
            self._report.find("missing-lines", name, "it does not follow what was removed before it", line=1)
        elif lowest > gap.low:
            text = f"what told of the removal of segments 1 to {lowest - 1} of chain {walk.chain} was removed itself"
            self._report.note("removed-earlier", name, text)

    def _whole(self, chain: str, told: dict[int, _Removal]) -> None:
        untold = _untold(told, min(told), max(told))
        if untold:
            text = f"segment {untold} of chain {chain} is not here, and nothing tells that it was removed"
            self._find("segment-missing", told[max(told)].place, text)

    def _still_here(self, walk: Walk, number: int, removal: _Removal) -> None:
        span = walk.spans.get(number)
        if span is None:
            return
        removed, seal = removal.removed, span.seal
        if seal is None or (removed.first, removed.last, removed.hash) != (span.first, seal.seq, seal.hash):
            text = f"{removal.place} tells of its removal, but of other lines than it has"
            self._report.find("pruned", span.source.name, text)
        else:
            text = f"still here, though {removal.place} tells of its removal: a crash came between"
            self._report.note("not-removed", span.source.name, text)

    def _check_age(self, removal: _Removal, days: int) -> None:
        removed = removal.removed
        try:
            age = datetime.fromisoformat(removal.time) - datetime.fromisoformat(removed.last_time)
        except (ValueError, TypeError):
            self._find("pruned", removal.place, f"of {removed.segment} it gives no time that can be read")
            return
        if age < timedelta(days=min(days, 10**6)):
            text = f"{removed.segment} was removed {age} after its last line; it was to be kept for {days} days"
            self._find("removed-early", removal.place, text)

    def _find(self, code: str, place: Place, text: str) -> None:
        self._report.find(code, place.file, text, line=place.line)


def _untold(told: Collection[int], low: int, high: int) -> str:
    """The numbers from `low` to `high` that are not told, in words, runs drawn together: "2, 5 to 7"."""
    runs = []
    for number in [*sorted(each for each in told if low <= each <= high), high + 1]:
        if number > low:
            runs.append(f"{low}" if number == low + 1 else f"{low} to {number - 1}")
        low = number + 1
    return ", ".join(runs)
