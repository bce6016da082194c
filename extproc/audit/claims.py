"""What one chain says of another: a line that must be there, the end of a chain, the chain that watches over it.

Chains are read side by side, in order of time. So a claim is mostly of a seal that was just read, or of one that comes
next: of each chain the last SEALS_KEPT are remembered, and what is older (clocks differ) is looked up at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.audit import merkle
from extproc.audit.chain import GENESIS
from extproc.audit.links import document
from extproc.audit.source import LineTooLong, lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.audit.checkpoint import Head
    from extproc.audit.removals import Removals
    from extproc.audit.report import Place, Report
    from extproc.audit.walk import Seal, Walk

SEALS_KEPT = 4096
# The number in a head of a chain that was opened but never sealed; its hash is GENESIS.
NEVER = -1


@dataclass(frozen=True, slots=True)
class Claim:
    """That `head` is a chain's seal, as said at `place`."""

    head: Head
    place: Place

    def __str__(self) -> str:
        return f"{self.place} names line {self.head.seq} of chain {self.head.chain}"


class Claims:
    """Collects claims while the chains are read, and judges each as soon as it can be."""

    def __init__(self, walks: Mapping[str, Walk], removals: Removals, report: Report) -> None:
        self._walks = walks
        self._removals = removals
        self._report = report
        self._seals: dict[str, dict[int, tuple[str, int]]] = {chain: {} for chain in walks}
        # Up to where each chain was given: its walk may be further.
        self._reached: dict[str, int] = {}
        self._ended: set[str] = set()
        self._waiting: dict[str, dict[tuple[int, str], Claim]] = {}
        # Of lines that are not here, the last one that is claimed: those before it went with it.
        self._below: dict[str, Claim] = {}
        self._beyond: dict[str, Claim] = {}
        self._old: dict[str, list[Claim]] = {}
        self._finals: dict[str, dict[Head, Claim]] = {}
        self._continued: set[str] = set()
        self._supervisors: dict[str, Place] = {}

    def add(self, claim: Claim) -> None:
        """A checkpoint's, or one that an auditor kept."""
        head = claim.head
        walk, reached = self._walks.get(head.chain), self._reached.get(head.chain)
        if head.final:
            self._finals.setdefault(head.chain, {}).setdefault(head, claim)
        if head.seq == NEVER and head.hash == GENESIS and walk is not None:
            return
        if walk is None:
            self._keep(self._beyond, claim)
        elif walk.first is not None and head.seq < walk.first:
            self._keep(self._below, claim)
        elif reached is not None and head.seq <= reached:
            self._look_up(claim, self._seals[head.chain])
        elif head.chain in self._ended:
            self._keep(self._beyond, claim)
        else:
            self._waiting.setdefault(head.chain, {})[head.seq, head.hash] = claim

    def continued(self, claim: Claim) -> None:
        """A session says that it continues another, whose end is thereby known."""
        self._continued.add(claim.head.chain)
        self.add(claim)

    def supervised(self, chain: str, place: Place) -> None:
        """A chain says at `place` that this one watches over it."""
        self._supervisors.setdefault(chain, place)

    def sealed(self, chain: str, seal: Seal) -> None:
        """A chain was read on to this seal."""
        seals = self._seals[chain]
        seals[seal.seq] = (seal.hash, seal.segment)
        self._reached[chain] = seal.seq
        if len(seals) > SEALS_KEPT:
            del seals[next(iter(seals))]
        waiting = self._waiting.get(chain)
        if waiting:
            for key in [key for key in waiting if key[0] <= seal.seq]:
                self.add(waiting.pop(key))

    def ended(self, chain: str) -> None:
        """A chain was read to its end: only its last seal is likely to be asked for from now on."""
        self._ended.add(chain)
        for claim in self._waiting.pop(chain, {}).values():
            self.add(claim)
        seals = self._seals[chain]
        self._seals[chain] = dict(list(seals.items())[-1:])

    def is_final(self, chain: str) -> bool:
        """Whether somebody says that nothing can follow in this chain."""
        return chain in self._finals or chain in self._continued

    def finish(self) -> None:
        """Judge what is left, when every chain was read."""
        for chain, claims in self._old.items():
            self._read_again(self._walks[chain], claims)
        for claim in self._below.values():
            if not self._removals.covers(claim.head):
                text = f"{claim}; it is before everything that is here, and nothing tells that it was removed"
                self._find("segment-missing", claim, text)
        for chain, claim in self._beyond.items():
            walk = self._walks.get(chain)
            if self._removals.covers(claim.head):
                continue
            if walk is None:
                self._find("chain-missing", claim, f"{claim}; no segment of this chain is here")
            else:
                end = "has no seal" if walk.last is None else f"ends with line {walk.last.seq}"
                self._report.find("truncated", walk.sources[-1].name, f"the chain {end}; {claim}")
        for chain, place in self._supervisors.items():
            if chain not in self._walks and not self._removals.knows(chain):
                text = f"chain {chain} is named as the one that watches over others; no segment of it is here"
                self._report.find("chain-missing", place.file, text, line=place.line)
        for chain, finals in self._finals.items():
            if chain in self._walks:
                for claim in finals.values():
                    self._final(self._walks[chain], claim)

    def _keep(self, claims: dict[str, Claim], claim: Claim) -> None:
        kept = claims.get(claim.head.chain)
        if kept is None or kept.head.seq < claim.head.seq:
            claims[claim.head.chain] = claim

    def _look_up(self, claim: Claim, seals: Mapping[int, tuple[str, int]]) -> None:
        head = claim.head
        found = seals.get(head.seq)
        if found is not None:
            # Segment 0: the claim does not say.
            if found[0] != head.hash or head.segment not in (0, found[1]):
                self._find("fork", claim, f"{claim}, but with another hash or segment than the seal there has")
        elif head.seq < next(iter(seals)):
            self._old.setdefault(head.chain, []).append(claim)
        else:
            self._find("fork", claim, f"{claim}, which is no seal")

    def _read_again(self, walk: Walk, claims: list[Claim]) -> None:
        wanted = {claim.head.seq for claim in claims}
        seals: dict[int, tuple[str, int]] = {NEVER: (GENESIS, 0)}
        for source in walk.sources:
            try:
                for _, line, _ in lines(source.chunks()):
                    parsed = document(line)
                    if parsed.get("event") == "seal" and (seq := parsed.get("seq")) in wanted and type(seq) is int:
                        seals[seq] = (merkle.leaf(line).hex(), source.segment.number)
            except LineTooLong:
                break
        for claim in claims:
            self._look_up(claim, seals)

    def _final(self, walk: Walk, claim: Claim) -> None:
        head, last = claim.head, walk.last
        name = walk.sources[-1].name
        if (NEVER if last is None else last.seq) > head.seq:
            self._report.find("beyond-final", name, f"{claim} as its end; more follows")
        elif (NEVER if last is None else last.seq) == head.seq:
            for source in walk.sources:
                shorter = source.uploaded and walk.tail is None and source.size < head.size
                if source.segment.number == head.segment and source.size != head.size and not shorter:
                    text = f"the segment has {source.size} bytes; {claim} as the end of {head.size}"
                    self._report.find("size", source.name, text)

    def _find(self, code: str, claim: Claim, text: str) -> None:
        self._report.find(code, claim.place.file, text, line=claim.place.line)
