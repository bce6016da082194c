"""A guard that remembers: what each policy said of one request and its answer, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extproc.policies.verdict import Finding, Phase, PolicyFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from extproc.policies.chain import Chain
    from extproc.policies.verdict import Guard, Judgement, Place, StreamWindow, Text

ALLOW, REDACT, BLOCK = "allow", "redact", "block"
# It raised: it was left out, or nothing was let through.
FAILED = "failed"
# A policy before it blocked.
NOT_ASKED = "not asked"
# It reads no text of that phase.
READS_NOTHING = "reads nothing"


@dataclass(frozen=True, slots=True)
class Found:
    """One finding with its place, and the text that it is about: for who wrote the request, and for nobody else."""

    finding: Finding
    place: Place
    text: str

    @property
    def matched(self) -> str:
        """The matched text itself."""
        return self.text[self.finding.start : self.finding.end]


@dataclass(frozen=True, slots=True)
class Said:
    """What one policy said of all texts of a phase; `score` is the highest, None where it gives none."""

    policy: str
    phase: Phase
    verdict: str
    rule: str = ""
    score: float | None = None
    found: tuple[Found, ...] = ()


@dataclass(slots=True)
class Witness:
    """The chain at work on one exchange. Texts are judged as without it."""

    chain: Chain
    _guard: Guard = field(init=False)
    _judged: list[tuple[Sequence[Text], Judgement]] = field(init=False, default_factory=list)
    _broken: dict[Phase, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._guard = self.chain.guard()

    @property
    def failed(self) -> Collection[str]:
        """As of any guard."""
        return self._guard.failed

    def judge(self, texts: Sequence[Text]) -> Judgement:
        """Judge texts and remember what was said of them."""
        try:
            judgement = self._guard.judge(texts)
        except PolicyFailed as failure:
            if texts:
                self._broken[texts[0].place.phase] = failure.policy
            raise
        self._judged.append((texts, judgement))
        return judgement

    def window(self, place: Place) -> StreamWindow | None:
        """As of the chain."""
        return self._guard.window(place)

    def found(self, phase: Phase) -> tuple[Found, ...]:
        """Every finding of a phase, in the order of its texts."""
        return tuple(
            Found(finding, texts[at].place, texts[at].text)
            for texts, judgement in self._judged
            for finding, at in zip(judgement.findings, judgement.places, strict=True)
            if texts[at].place.phase is phase
        )

    def said(self, phase: Phase) -> tuple[Said, ...]:
        """What each policy of the chain said of a phase, in its order; nothing if there was nothing to judge."""
        return tuple(self._said(phase))

    def _said(self, phase: Phase) -> Iterator[Said]:
        judged = [judgement for texts, judgement in self._judged if any(text.place.phase is phase for text in texts)]
        found = self.found(phase)
        block = next((judgement.block for judgement in judged if judgement.block), None)
        broken = self._broken.get(phase)
        if not judged and broken is None:
            return
        over = False
        for policy in self.chain.policies:
            kind = policy.kind
            own = tuple(item for item in found if item.finding.policy == kind)
            scores = [judgement.scores[kind] for judgement in judged if kind in judgement.scores]
            rule = ""
            if over:
                verdict = NOT_ASKED
            elif phase not in policy.phases:
                verdict = READS_NOTHING
            elif kind == broken or any(kind in judgement.failed for judgement in judged):
                verdict = FAILED
            elif block is not None and block.policy == kind:
                verdict, rule = BLOCK, block.rule
            else:
                verdict = REDACT if any(item.finding.replacement is not None for item in own) else ALLOW
            over = over or verdict == BLOCK or kind == broken
            yield Said(kind, phase, verdict, rule, max(scores, default=None), own)
