"""Counting for scripts/quality: what was found of what is labelled, and the disguises that labelled values get."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from extproc.policies.chain import Chain
from extproc.policies.verdict import Finding, Phase, Place, Text

PLACE = Place(Phase.REQUEST, "user")
# Entity, and where its value starts and ends.
Label = tuple[str, int, int]


@dataclass
class Tally:
    """Labelled values that were found or missed, and findings that no label stands for."""

    found: int = 0
    missed: int = 0
    wrong: int = 0

    @property
    def recall(self) -> float:
        """Of the labelled values, the share that was found; 1 where none is labelled."""
        return self.found / (self.found + self.missed) if self.found + self.missed else 1.0

    @property
    def precision(self) -> float:
        """Of the findings, the share that a label stands for; 1 where nothing was found."""
        return self.found / (self.found + self.wrong) if self.found + self.wrong else 1.0


@dataclass
class Tallies:
    """A tally for each entity of interest."""

    entities: Iterable[str]
    by_entity: dict[str, Tally] = field(init=False)

    def __post_init__(self) -> None:
        self.by_entity = {entity: Tally() for entity in self.entities}

    def add(self, labels: Sequence[Label], findings: Sequence[Finding]) -> None:
        """Count one text. A label and a finding of its entity that overlap are a pair; each pairs once."""
        free = list(findings)
        for entity, start, end in labels:
            pair = next((f for f in free if f.entity == entity and f.start < end and start < f.end), None)
            if pair is None:
                self.by_entity[entity].missed += 1
            else:
                self.by_entity[entity].found += 1
                free.remove(pair)
        for finding in free:
            if finding.entity in self.by_entity:
                self.by_entity[finding.entity].wrong += 1


def findings(chain: Chain, text: str) -> tuple[Finding, ...]:
    """What the chain finds in one text of a request."""
    return chain.judge([Text(PLACE, text)]).findings


def families(rows: Iterable[tuple[str, frozenset[str]]], generic: frozenset[str]) -> tuple[Tally, Tally, Tally]:
    """Tallies of rows (family, names of what was found): all; families only generic rules know; generic rules alone.

    A family counts as unknown when no rule but the generic ones finds any of its rows: nobody wrote a rule for it.
    """
    rows = list(rows)
    known = {family for family, names in rows if names - generic}
    everything, unknown, alone = Tally(), Tally(), Tally()
    for family, names in rows:
        for tally, hit in (
            (everything, bool(names)),
            *(((unknown, bool(names)),) if family not in known else ()),
            (alone, bool(names & generic)),
        ):
            tally.found += hit
            tally.missed += not hit
    return everything, unknown, alone


def _wide(value: str) -> str:
    """In full-width forms (U+FF01 to U+FF5E)."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in value)


def _zero_width(value: str) -> str:
    """With a zero-width space after every third character."""
    return "".join(c + ("\u200b" if at % 3 == 2 else "") for at, c in enumerate(value))


def _no_break(value: str) -> str:
    """With blanks and hyphens that do not break; where there are none, with soft hyphens."""
    changed = value.replace(" ", "\u00a0").replace("-", "\u2011")
    return changed if changed != value else "\u00ad".join((value[: len(value) // 2], value[len(value) // 2 :]))


def _spelled(value: str) -> str:
    """An address with "at" and "dot" as people write them in forums."""
    local, _, domain = value.rpartition("@")
    return f"{local} [at] {domain.replace('.', ' [dot] ')}"


DISGUISES: dict[str, Callable[[str], str]] = {
    "full-width": _wide,
    "zero-width": _zero_width,
    "no-break": _no_break,
    "at/dot": _spelled,
}


def disguised(text: str, label: Label, disguise: str) -> tuple[str, Label] | None:
    """The text with one labelled value in disguise, and where that stands; None where the disguise does not apply."""
    entity, start, end = label
    if disguise == "at/dot" and (entity != "EMAIL" or "@" not in text[start:end]):
        return None
    value = DISGUISES[disguise](text[start:end])
    return text[:start] + value + text[end:], (entity, start, start + len(value))


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that so many per cent do not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)] if ordered else 0.0


def timed(action: Callable[[], Any]) -> float:
    """Microseconds of one call."""
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1e6
