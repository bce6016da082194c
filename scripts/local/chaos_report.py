"""What a case of scripts/chaos came to: failures by kind, added latency, the broken region's share, its way back."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from clients import KINDS, NOT_CONNECTED
from counting import percentile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chaos_cases import Case
    from clients import Answer

# Fewer good answers than these have no percentiles worth telling.
ENOUGH = 5
# Column → how wide it is.
COLUMNS = {
    "asked": 7,
    "failed": 8,
    "cut": 5,
    "whole p50": 11,
    "whole p99": 11,
    "first p50": 11,
    "first p99": 11,
    "share": 8,
    "tried": 8,
    "back s": 8,
}


@dataclass
class Observed:
    """One case's run. Times are CLOCK_MONOTONIC in seconds.

    `struck`: the fault began to be made; `broke`: it was there; `mended`: it was gone. `received`: requests by region
    while it was there, as the emulators' journals have them. `attempts`: the same as the audit trail has it, those that
    reached no emulator included. `details`: request id → what the audit trail says of it. `audited`: request id → how
    many lines of an exchange it has there.
    """

    case: Case
    struck: float
    broke: float
    mended: float
    answers: Sequence[Answer]
    received: Mapping[str, int]
    attempts: Mapping[str, int]
    details: Mapping[str, str] = field(default_factory=dict)
    audited: Mapping[str, int] = field(default_factory=dict)

    def before(self) -> list[Answer]:
        """Answers that ended before anything was done."""
        return [a for a in self.answers if a.ended < self.struck]

    def open(self) -> list[Answer]:
        """Answers that were under way when it broke."""
        return [a for a in self.answers if a.asked < self.broke and a.ended >= self.struck]

    def during(self) -> list[Answer]:
        """Answers that were asked for while it was broken; of a gateway that is to end, as long as it was there."""
        asked = [a for a in self.answers if self.broke <= a.asked < self.mended]
        return [a for a in asked if not (self.case.ends and a.failure == NOT_CONNECTED)]

    def after(self) -> list[Answer]:
        """Answers that were asked for when it was sound again."""
        return [a for a in self.answers if a.asked >= self.mended and not self.case.ends]

    def back(self) -> float | None:
        """Seconds until the first request that the mended region answered was made; None if none was."""
        asked = [a.asked - self.mended for a in self.after() if a.target == f"{self.case.name}-east" and not a.failure]
        return round(asked[0], 2) if asked else None

    def problems(self) -> list[str]:
        """Where it differs from what the case expects; nothing when all is as it should be."""
        found = [f"{len(failures(self.before()))} failed before anything broke"] if failures(self.before()) else []
        for name, answers, allowed in (
            # Some of them come to the region when it is broken.
            *((f"{kind} under way", of(kind, self.open()), self.case.under_way(kind)) for kind in KINDS),
            *((kind, of(kind, self.during()), getattr(self.case, kind)) for kind in KINDS),
            *((f"{kind} afterwards", of(kind, self.after()), frozenset[str]()) for kind in KINDS),
        ):
            unexpected = {kind: count for kind, count in failures(answers).items() if kind not in allowed}
            found += [f"{name}: {count} times {kind}" for kind, count in unexpected.items()]
        for kind in KINDS:
            if getattr(self.case, kind) and not failures(of(kind, self.during())):
                found.append(f"{kind}: nothing failed; say so in the case")
            # A gateway that is to end takes nothing new.
            if not of(kind, self.open() if self.case.ends else self.during()):
                found.append(f"{kind}: nothing was asked")
        wrong = sum(self.audited.get(a.request_id, 0) != 1 for a in self.answers if a.request_id)
        if wrong:
            found.append(f"{wrong} answers have not exactly one line in the audit trail")
        if self.case.returns and self.back() is None:
            found.append("the region was not used again")
        return found

    def row(self, base: Mapping[str, float | None]) -> dict[str, Any]:
        """Column → value; latencies in milliseconds are what is added to those of `base`."""
        during = self.during()
        row: dict[str, Any] = {
            "asked": len(during),
            "failed": sum(failures(during).values()) + sum(failures(self.after()).values()),
            "cut": sum(failures(self.open()).values()),
        }
        for column, value in latencies(during).items():
            without = base[column]
            row[column] = None if value is None or without is None else round(value - without)
        for column, counts in (("share", self.received), ("tried", self.attempts)):
            total = sum(counts.values())
            row[column] = round(100 * counts.get("east", 0) / total, 1) if total else None
        row["back s"] = self.back() if self.case.returns else None
        return row


def of(kind: str, answers: Sequence[Answer]) -> list[Answer]:
    """Those of one kind."""
    return [answer for answer in answers if answer.kind == kind]


def failures(answers: Sequence[Answer]) -> Counter[str]:
    """What went wrong → how often."""
    return Counter(answer.failure for answer in answers if answer.failure)


def _percentile(answers: Sequence[Answer], kind: str, moment: str, percent: int) -> float | None:
    """Of the good answers' times, in milliseconds; None where too few were good."""
    times = [getattr(a, moment) for a in answers if a.kind == kind and not a.failure]
    return percentile(times, percent) if len(times) >= ENOUGH else None


def latencies(answers: Sequence[Answer]) -> dict[str, float | None]:
    """Column → milliseconds until the end of whole answers, and until the first byte of streams."""
    return {
        f"{column} p{percent}": _percentile(answers, kind, moment, percent)
        for column, kind, moment in (("whole", "whole", "whole_ms"), ("first", "stream", "first_ms"))
        for percent in (50, 99)
    }


def calm(observed: Sequence[Observed]) -> dict[str, float | None]:
    """The latencies before anything broke: the median of all cases', for one of them may have had a busy neighbour."""
    each = [latencies(run.before() or (run.during() if run.case.breaks == "nothing" else [])) for run in observed]
    known = {column: [row[column] for row in each if row[column] is not None] for column in latencies([])}
    return {column: round(median(values), 1) if values else None for column, values in known.items()}


def as_json(observed: Sequence[Observed], settings: Mapping[str, Any]) -> str:
    """One document: settings, the calm latencies, and each case's row with its failures by kind and their causes."""
    base = calm(observed)
    document: dict[str, Any] = {"settings": settings, "calm ms": base, "cases": {}}
    for each in observed:
        document["cases"][each.case.name] = {
            **each.row(base),
            "received": each.received,
            "attempts": each.attempts,
            "failures": {
                name: {kind: failures(of(kind, answers)) for kind in KINDS}
                for name, answers in (("cut", each.open()), ("during", each.during()), ("after", each.after()))
            },
            "causes": causes(each),
            "problems": each.problems(),
        }
    return json.dumps(document, indent=2)


def causes(observed: Observed) -> dict[str, int]:
    """What clients saw, and what the audit trail says of it → how often, most often first."""
    found: Counter[str] = Counter()
    for answer in observed.answers:
        if answer.failure and not (observed.case.ends and answer.failure == NOT_CONNECTED):
            detail = observed.details.get(answer.request_id, "not in the audit trail")
            found[f"{answer.kind}, {answer.failure} <- {detail}"] += 1
    return dict(found.most_common())


def as_text(observed: Sequence[Observed], settings: Mapping[str, Any]) -> str:
    """A table with a row for each case, what failed and why under it, and what is not as the cases say."""
    base = calm(observed)
    lines = [", ".join(f"{value} {name}" for name, value in settings.items())]
    lines.append("calm, ms: " + ", ".join(f"{name} {value}" for name, value in base.items()))
    lines += ["", f"{'':20}" + "".join(f"{name:>{width}}" for name, width in COLUMNS.items())]
    for each in observed:
        row = each.row(base)
        cells = (_cell(name, row[name], width) for name, width in COLUMNS.items())
        lines.append(f"{each.case.what:20}" + "".join(cells))
    lines += ["", *LEGEND]
    for each in observed:
        found = [f"  {count:5} {cause}" for cause, count in causes(each).items()]
        found += [f"  UNEXPECTED {problem}" for problem in each.problems()]
        lines += ["", f"{each.case.what}:", *found] if found else []
    return "\n".join(line.rstrip() for line in lines)


LEGEND = (
    "asked, failed: of requests made while it was broken (failed: or afterwards). cut: answers that were under way.",
    "whole, first: added ms until a whole answer's end, a stream's first byte. share: the broken region's, of requests",
    "that regions saw; tried: of attempts in the audit trail. back: s until the mended region was used again.",
)


def _cell(name: str, value: float | None, width: int) -> str:
    if value is None:
        return f"{'-':>{width}}"
    if name in ("share", "tried"):
        return f"{f'{value:g} %':>{width}}"
    return f"{value:>+{width}}" if " p" in name else f"{value:>{width},}"
