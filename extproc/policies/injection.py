"""prompt-injection: a small linear model over windows of a text without its disguises.

A text is read plainly and in whatever further views its disguises call for (views.py); each is scored by its strongest
window (linear.py), and the strongest view counts. The score is a probability, as far as the texts that it was
calibrated on stand for yours: README says which, and what is missed. The model knows wordings, not meanings: an
instruction in a document that reads like any other sentence is not found.

User texts, tool results and documents that stand in either are scored, each by itself; the operator's own system and
developer messages are not, unless `apply_to` says so. Since a score depends on nothing but the text, that of a harmless
one can be remembered (memory.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, ClassVar

import re2

from extproc.policies.base import Rule, refusal
from extproc.policies.features import LONGEST
from extproc.policies.linear import Linear, Scored, shipped
from extproc.policies.memory import Memory
from extproc.policies.placement import Placement, named
from extproc.policies.scan import Pattern, compile_pattern, options
from extproc.policies.verdict import ALLOW, Block, Finding, Phase, Place, Text, Verdict
from extproc.policies.views import plain, views, written

KIND = "prompt-injection"

DEFAULT_THRESHOLD = 0.8
# Who is not the operator.
READ = Placement(frozenset({Phase.REQUEST}), frozenset({"user", "tool"}))

# Of a text with more characters than _MOST are scored: the first and the last _END, and _SLICES of _SLICE each, evenly
# spread over what is between. 25 MB of text cost what 256 kB do; an attack between two slices is not found.
_MOST = 256_000
_END = 64_000
_SLICES = 32
_SLICE = 4_000

# Characters of a text that is scored together with others: it has at most four times as many bytes.
_SHORT = 4_000

_SCORE = attrgetter("score")

# By texts as written, their plain views and what those score.
Read = Mapping[str, tuple[str, Scored]]

# What no user writes into a message by chance: the marks by which chat templates tell whose turn it is, with a role
# that is not the user's.
_FORGED_SCORE = 0.9
_FORGED = re2.compile(
    rb"<\|(?:im_start|start_header_id)\|>\s*(?:system|developer)|<\|(?:system|developer)\|>|<<sys>>",
    options(),
)
# All such marks, which count for nothing where `reject_fake_boundaries` is off.
_MARKS = re2.compile(
    rb"<\|[a-z_]{2,30}\|>(?:\s*(?:system|developer|assistant|user))?|\[/?inst\]|<</?sys>>"
    rb"|(?m:^\W*(?:system|developer|admin)(?: (?:message|prompt|override))?\s*(?:\]|>|:|#{2,}))",
    options(),
)


@dataclass(frozen=True, slots=True)
class InjectionDetector:
    """The policy. `action`: `block` refuses; `log` and `escalate` report a finding and let the text pass.

    `attack_patterns` are the user's: one match, in the text or in one of its views, scores 1. `thresholds` go before
    `threshold`: by kind of tool text, or by role. With a `memory` it says what it says without one.
    """

    threshold: float = DEFAULT_THRESHOLD
    thresholds: Mapping[str, float] = field(default_factory=dict)
    action: str = "block"
    message: str = ""
    attack_patterns: tuple[Pattern, ...] = ()
    decode_base64: bool = True
    normalize_unicode: bool = True
    detect_homoglyphs: bool = True
    boundaries: bool = True
    placement: Placement = READ
    model: Linear = field(default_factory=shipped)
    memory: Memory | None = None
    kind: ClassVar[str] = KIND
    phases: ClassVar[frozenset[Phase]] = frozenset({Phase.REQUEST})
    # With a score below it no text is found, wherever it stands.
    _least: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_least", min((self.threshold, *self.thresholds.values())))

    def judge(self, texts: Sequence[Text]) -> Sequence[Verdict]:
        """One verdict for each text, with its score; a finding's span is that of the window that scored."""
        said = [ALLOW] * len(texts)
        new: list[tuple[int, bytes | None]] = []
        for at, text in enumerate(texts):
            if not self.placement.reads(text.place):
                continue
            digest, score = (None, None) if self.memory is None else self.memory.recall(text)
            if score is None:
                new.append((at, digest))
            else:
                said[at] = Verdict(scores={KIND: score})
        known = self._read_together([texts[at].text for at, _ in new]) if len(new) > 1 else {}
        for at, _ in new:
            said[at] = self._verdict(texts[at], known)
        if self.memory is not None:
            for at, digest in new:
                # What would be found at one place or another is judged each time.
                if digest is not None and said[at].scores[KIND] < self._least:
                    self.memory.keep(digest, said[at].scores[KIND])
        return said

    def remembering(self, key: bytes) -> InjectionDetector:
        """See base.Remembers."""
        return replace(self, memory=Memory(key))

    def rules(self, place: Place) -> Sequence[Rule]:
        """None: answers are not judged."""
        del place
        return ()

    def score(self, text: str) -> float:
        """0 to 1."""
        return self._scored(text, {}).score

    def _verdict(self, text: Text, known: Read) -> Verdict:
        scored = self._scored(text.text, known)
        scores = {KIND: scored.score}
        if scored.score < self._threshold(text.place) or not scored.family:
            return Verdict(scores=scores)
        finding = Finding(KIND, scored.family, scored.start, scored.end)
        if self.action != "block":
            return Verdict((finding,), scores=scores)
        block = Block(KIND, scored.family, refusal(KIND, scored.family, self.message))
        return Verdict((finding,), block, scores)

    def _threshold(self, place: Place) -> float:
        if not self.thresholds:
            return self.threshold
        kind, role = named(place)
        return self.thresholds.get(kind, self.thresholds.get(role, self.threshold))

    def _scored(self, text: str, known: Read) -> Scored:
        return max(self._views(text, known), key=_SCORE)

    def _views(self, text: str, known: Read) -> Iterator[Scored]:
        """The score of each view, with its span in the text as written."""
        if self.attack_patterns and (match := self._matched(text)):
            yield match
        for first, part in _parts(text):
            view, scored = known.get(part) or self._read(part)
            start, end = scored.start, scored.end
            if scored.score >= self.threshold or self.thresholds:
                before = view.encode("utf-8", "replace")[:end].decode("utf-8", "ignore")
                start = len(view.encode("utf-8", "replace")[:start].decode("utf-8", "ignore"))
                start, end = written(part, start, len(before), unicode=self.normalize_unicode) if before else (0, 0)
            yield Scored(scored.score, scored.family, first + start, first + end)
            for hidden, start, end in views(part, view, decode=self.decode_base64):
                scored = self._weighed(hidden.encode("utf-8", "replace"))
                yield Scored(scored.score, scored.family, first + start, first + end)

    def _plain(self, text: str) -> str:
        return plain(text, unicode=self.normalize_unicode, lookalikes=self.detect_homoglyphs)

    def _matched(self, text: str) -> Scored | None:
        data = text.encode("utf-8", "replace")
        for pattern in self.attack_patterns:
            if match := pattern.compiled.search(data):
                start = len(data[: match.start()].decode())
                return Scored(1.0, "attack_patterns", start, start + len(match.group().decode()))
        return None

    def _read(self, text: str) -> tuple[str, Scored]:
        view = self._plain(text)
        return view, self._weighed(view.encode("utf-8", "replace"))

    def _read_together(self, texts: Sequence[str]) -> Read:
        """The plain views of short texts, and their scores: a conversation has many of them."""
        views = {text: self._plain(text) for text in texts if len(text) <= _SHORT}
        read: dict[str, tuple[str, Scored]] = {}
        batch: list[tuple[str, str, bytes]] = []
        size = 0
        for text, view in views.items():
            data = view.encode("utf-8", "replace")
            if size + len(data) >= LONGEST:
                read.update(self._scored_together(batch))
                batch, size = [], 0
            batch.append((text, view, data))
            size += len(data) + 1
        read.update(self._scored_together(batch))
        return read

    def _scored_together(self, batch: Sequence[tuple[str, str, bytes]]) -> Iterator[tuple[str, tuple[str, Scored]]]:
        if len(batch) > 1:
            scores = self.model.scores([self._shown(data) for _, _, data in batch], self._least)
            for (text, view, data), scored in zip(batch, scores, strict=True):
                yield text, (view, self._weighed(data, scored))

    def _shown(self, data: bytes) -> bytes:
        """What the model is shown of a view."""
        if self.boundaries:
            return data
        # As long as they were, so that positions stay.
        shown: bytes = _MARKS.sub(lambda mark: b" " * len(mark.group()), data)
        return shown

    def _weighed(self, data: bytes, known: Scored | None = None) -> Scored:
        """The score of a view; `known` is what the model says."""
        if self.attack_patterns and any(pattern.compiled.search(data) for pattern in self.attack_patterns):
            return Scored(1.0, "attack_patterns", 0, len(data))
        scored = known or self.model.score(self._shown(data), self._least)
        if self.boundaries and b"<" in data and scored.score < _FORGED_SCORE and (forged := _FORGED.search(data)):
            return Scored(_FORGED_SCORE, "boundary", *forged.span())
        return scored


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The parts of a text that are scored, each with its first position."""
    if len(text) <= _MOST:
        yield 0, text
        return
    yield 0, text[:_END]
    between = len(text) - 2 * _END
    for number in range(_SLICES):
        first = _END + (between - _SLICE) * number // (_SLICES - 1)
        yield first, text[first : first + _SLICE]
    yield len(text) - _END, text[-_END:]


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
        thresholds=settings.get("thresholds") or {},
        action="log" if settings.get("mode") == "observe" else action,
        message=response.get("message") or "",
        attack_patterns=tuple(map(compile_pattern, patterns)),
        decode_base64=encoding.get("decode_base64", True),
        normalize_unicode=encoding.get("normalize_unicode", True),
        detect_homoglyphs=encoding.get("detect_homoglyphs", True),
        boundaries=boundaries.get("reject_fake_boundaries", True),
        placement=Placement.of(settings, READ),
    )
