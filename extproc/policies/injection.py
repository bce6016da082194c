"""prompt-injection: a scored heuristic, and nothing more.

It reads a text without its disguises (views.py), looks for families of signals (signals.py) and combines them as if
they were independent evidence: 1 - product(1 - weight). It knows wordings, not meanings: an instruction hidden in a
document that says nothing of instructions is not found, nor is what no expression here was written for. The score
orders texts well enough for a threshold; it is not a calibrated probability.

User texts and tool results are scored, each by itself; the operator's own system and developer messages are not,
unless `apply_to` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import re2

from extproc.policies.base import Rule, refusal
from extproc.policies.placement import Placement
from extproc.policies.scan import Pattern, candidates, compile_pattern, gate, options
from extproc.policies.signals import ABOUT, SIGNALS
from extproc.policies.verdict import ALLOW, Block, Finding, Phase, Place, Text, Verdict
from extproc.policies.views import decoded, plain

KIND = "prompt-injection"

DEFAULT_THRESHOLD = 0.8
# Of a longer text the first and last halves of this many characters are scored: an attack that is buried deeper than
# that is not found, and 25 MB of text cost what 200 kB do.
_MOST = 200_000
# Who is not the operator.
READ = Placement(frozenset({Phase.REQUEST}), frozenset({"user", "tool"}))
# Of one signal's heads so many are looked behind: a text that repeats a head for ever costs no more.
_MOST_HEADS = 64
# Characters up to which a text that is about attacks is taken for a question.
_SHORT = 600
# How much of the evidence counts in a text that is about attacks, unless two families agree.
_ABOUT_DISCOUNT = 0.75


@dataclass(frozen=True, slots=True)
class _Scored:
    score: float
    family: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class InjectionDetector:
    """The policy. `action`: `block` refuses; `log` and `escalate` report a finding and let the text pass.

    `attack_patterns` are the user's: one match, in the text or in its plain view, scores 1.
    """

    threshold: float = DEFAULT_THRESHOLD
    action: str = "block"
    message: str = ""
    attack_patterns: tuple[Pattern, ...] = ()
    decode_base64: bool = True
    normalize_unicode: bool = True
    detect_homoglyphs: bool = True
    boundaries: bool = True
    placement: Placement = READ
    kind: ClassVar[str] = KIND
    phases: ClassVar[frozenset[Phase]] = frozenset({Phase.REQUEST})

    def judge(self, texts: Sequence[Text]) -> Sequence[Verdict]:
        """One verdict for each text, with its score; a finding's span is the strongest signal's."""
        return [self._verdict(text.text) if self.placement.reads(text.place) else ALLOW for text in texts]

    def rules(self, place: Place) -> Sequence[Rule]:
        """None: answers are not judged."""
        del place
        return ()

    def score(self, text: str) -> float:
        """0 to 1."""
        return self._scored(text).score

    def _verdict(self, text: str) -> Verdict:
        scored = self._scored(text)
        scores = {KIND: round(scored.score, 4)}
        if scored.score < self.threshold or not scored.family:
            return Verdict(scores=scores)
        finding = Finding(KIND, scored.family, scored.start, scored.end)
        if self.action != "block":
            return Verdict((finding,), scores=scores)
        block = Block(KIND, scored.family, refusal(KIND, scored.family, self.message))
        return Verdict((finding,), block, scores)

    def _scored(self, text: str) -> _Scored:
        return max(self._views(text), key=lambda scored: scored.score)

    def _views(self, text: str) -> Iterator[_Scored]:
        for pattern in self.attack_patterns:
            if match := pattern.compiled.search(text.encode("utf-8", "replace")):
                start = len(text.encode("utf-8", "replace")[: match.start()].decode())
                yield _Scored(1.0, "attack_patterns", start, start + len(match.group().decode()))
        part = text if len(text) <= _MOST else f"{text[: _MOST // 2]}\n{text[-_MOST // 2 :]}"
        plainly = plain(part, unicode=self.normalize_unicode, lookalikes=self.detect_homoglyphs)
        yield self._weighed(plainly, text)
        if self.decode_base64:
            for hidden in decoded(part):
                yield self._weighed(plain(hidden), text)

    def _weighed(self, view: str, text: str) -> _Scored:
        data = view.encode("utf-8", "replace")
        if any(pattern.compiled.search(data) for pattern in self.attack_patterns):
            return _Scored(1.0, "attack_patterns", 0, len(text))
        strongest: dict[str, tuple[float, int, int]] = {}
        for index in candidates(_MACHINE.gates, data):
            signal = SIGNALS[index]
            if signal.weight <= strongest.get(signal.family, (0.0,))[0]:
                continue
            if signal.family == "boundary" and not self.boundaries:
                continue
            if span := _MACHINE.find(index, data):
                strongest[signal.family] = (signal.weight, *span)
        if not strongest:
            return _Scored(0.0, "", 0, len(text))
        doubt = 1.0
        for weight, _, _ in strongest.values():
            doubt *= 1 - weight
        if len(strongest) == 1 and len(view) < _SHORT and _MACHINE.about.search(data):
            doubt = 1 - (1 - doubt) * _ABOUT_DISCOUNT
        family, (_, first, last) = max(strongest.items(), key=lambda item: item[1][0])
        start, end = 0, len(text)
        # Only a view that is the text itself in lower case tells where in the text the signal stands.
        if len(view) == len(text) and view == text.lower():
            start = len(data[:first].decode())
            end = start + len(data[first:last].decode("utf-8", "ignore"))
        return _Scored(1 - doubt, family, start, end)


class _Machine:
    """The built-in signals, compiled once."""

    def __init__(self) -> None:
        self.gates = gate([(signal.trigger or signal.head, 1000) for signal in SIGNALS])
        self.heads = [re2.compile(signal.head.encode(), options()) for signal in SIGNALS]
        self.tails = [re2.compile(signal.tail.encode(), options()) for signal in SIGNALS]
        self.about = re2.compile(ABOUT.encode(), options())

    def find(self, index: int, data: bytes) -> tuple[int, int] | None:
        """The first place, in bytes, where the signal's head is followed by its tail."""
        signal = SIGNALS[index]
        for head in islice(self.heads[index].finditer(data), _MOST_HEADS):
            if not signal.tail:
                return head.start(), head.end()
            # A cut inside a character only breaks that character.
            if tail := self.tails[index].search(data, head.end(), head.end() + signal.reach):
                return head.start(), tail.end()
        return None


_MACHINE = _Machine()


def build(settings: Mapping[str, Any]) -> InjectionDetector:
    """The policy of a `policy.prompt-injection` block, in either generation of its fields.

    `threshold` goes before `embedding_threshold`, a top-level field before the same one under `detection` or
    `response`; `mode: observe` says the same as `action: log`.
    Raises PatternError for a bad expression in `attack_patterns`.
    """
    detection = settings.get("detection") or {}
    response = settings.get("response") or {}
    encoding = settings.get("encoding") or {}
    boundaries = settings.get("boundaries") or {}
    given = (settings.get("threshold"), settings.get("embedding_threshold"), detection.get("embedding_threshold"))
    patterns = settings.get("attack_patterns") or detection.get("attack_patterns") or ()
    action = settings.get("action") or response.get("action") or "block"
    return InjectionDetector(
        threshold=next((value for value in given if value is not None), DEFAULT_THRESHOLD),
        action="log" if settings.get("mode") == "observe" else action,
        message=response.get("message") or "",
        attack_patterns=tuple(map(compile_pattern, patterns)),
        decode_base64=encoding.get("decode_base64", True),
        normalize_unicode=encoding.get("normalize_unicode", True),
        detect_homoglyphs=encoding.get("detect_homoglyphs", True),
        boundaries=boundaries.get("reject_fake_boundaries", True),
        placement=Placement.of(settings, READ),
    )
