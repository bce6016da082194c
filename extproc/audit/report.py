"""What a verification has to say: findings, each with its place and meaning; notes; and what was there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A trail that was wiped over has as many findings as lines; nobody reads more than these, nor more notes.
MOST_FINDINGS = 1000
MOST_NOTES = 10_000

MEANINGS = {
    "empty": "Whatever the trail held is gone.",
    "foreign-file": "The gateway did not write it: it was put here, or renamed.",
    "duplicate-segment": "One of them was put here.",
    "pieces": "A part of the segment is missing, or is there twice.",
    "unreadable-line": "The line was changed, or put in.",
    "line-too-long": "The line was put in; what follows it in this chain was not checked.",
    "foreign-line": "The line was moved here from another chain, or the file was renamed.",
    "changed-line": "It was changed after it was written, or another stands in its place.",
    "missing-lines": "Lines were taken out.",
    "misplaced-line": "Lines were put in, repeated or moved.",
    "batch": "Records of this batch were changed, taken out or put in.",
    "signature": "The batch was not sealed by the gateway: it was written or changed by somebody else.",
    "opened": "The segment's begin was changed or cut off.",
    "session-key": "A part of the chain was replaced by lines of another key.",
    "not-vouched": "Nobody whom you trust vouches for this chain: it may be made up.",
    "unsealed": "A seal was taken out, or the segment was cut.",
    "torn-line": "It is not what a crash leaves: it was changed, or put in.",
    "after-closed": "The chain was over: this was put behind its end.",
    "segment-missing": "A segment was taken away.",
    "chain-missing": "A whole chain was taken away.",
    "truncated": "The end of the chain was cut off.",
    "fork": "The chain was rewritten, or put back to an older state and continued.",
    "beyond-final": "Lines were put behind the chain's end.",
    "size": "The segment was cut or added to after its writer had ended.",
    "checkpoint": "The line was not written by a gateway that works.",
    "pruned": "What is told of removed segments does not fit what is here.",
    "removed-early": "Segments were removed before their retention had passed.",
    "not-closed": "The end of the chain was cut off, or its writer is still at work.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that cannot be if nobody touched the trail. `line` counts from 1, `offset` in bytes from 0."""

    code: str
    file: str
    text: str
    line: int | None = None
    offset: int | None = None

    @property
    def meaning(self) -> str:
        """What it means for the trail, in a sentence."""
        return MEANINGS[self.code]

    @property
    def place(self) -> str:
        """The file, with line number or offset as far as there is one."""
        if self.line is not None:
            return f"{self.file}:{self.line}"
        return self.file if self.offset is None else f"{self.file} at byte {self.offset}"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that an auditor should know and that nobody needs to have done."""

    code: str
    file: str
    text: str


@dataclass(slots=True)
class Totals:
    """What was read. Only lines under a seal that holds are counted in `events`; times are RFC 3339."""

    chains: int = 0
    segments: int = 0
    bytes: int = 0
    lines: int = 0
    events: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    first: str = ""
    last: str = ""

    @property
    def records(self) -> int:
        """The exchanges."""
        return self.events["exchange"]


@dataclass(slots=True)
class Report:
    """The result. `vouched` counts chains by the id of the public key that vouches for them, "" for none.

    `claimed` counts chains by the key that their certificates name, whether or not it was given.
    """

    findings: list[Finding] = field(default_factory=list)
    omitted: int = 0
    notes: list[Note] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    vouched: Counter[str] = field(default_factory=Counter)
    claimed: Counter[str] = field(default_factory=Counter)

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def find(self, code: str, file: str, text: str, *, line: int | None = None, offset: int | None = None) -> None:
        """Add a finding; `code` is one of MEANINGS."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(code, file, text, line, offset))
        else:
            self.omitted += 1

    def note(self, code: str, file: str, text: str) -> None:
        """Add a note."""
        if len(self.notes) < MOST_NOTES:
            self.notes.append(Note(code, file, text))

    def codes(self) -> Iterator[str]:
        """The findings' codes, each once, in the order in which they were found."""
        yield from dict.fromkeys(finding.code for finding in self.findings)

    def document(self) -> dict[str, object]:
        """The report as JSON."""
        totals = self.totals
        return {
            "whole": self.whole,
            "findings": [
                {
                    name: value
                    for name, value in (
                        ("code", finding.code),
                        ("file", finding.file),
                        ("line", finding.line),
                        ("offset", finding.offset),
                        ("text", finding.text),
                        ("meaning", finding.meaning),
                    )
                    if value is not None
                }
                for finding in self.findings
            ],
            "findings_omitted": self.omitted,
            "notes": [{"code": note.code, "file": note.file, "text": note.text} for note in self.notes],
            "totals": {
                "chains": totals.chains,
                "segments": totals.segments,
                "bytes": totals.bytes,
                "lines": totals.lines,
                "records": totals.records,
                "seals": totals.events["seal"],
                "checkpoints": totals.events["checkpoint"],
                "events": dict(sorted(totals.events.items())),
                "lost": totals.lost,
                "first": totals.first or None,
                "last": totals.last or None,
            },
            "keys": {
                "vouched": {key: count for key, count in sorted(self.vouched.items()) if key},
                "not_vouched": self.vouched[""],
                "certificates": dict(sorted(self.claimed.items())),
            },
        }
