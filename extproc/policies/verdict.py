"""A verdict is allow < redact(spans) < block(reason): a join semilattice, so that the order of scanning cannot matter.

Every policy judges the *original* text of a place; the chain joins the verdicts in its order, and a block ends it.
Offsets are code points into that original text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple, Protocol

from extproc.policies.disguise import Disguised


class Phase(Enum):
    """Which way the text flows: to the model, or from it."""

    REQUEST = "request"
    RESPONSE = "response"
    # Enum's own hashes the name, in Python: 0.2 µs, several times for each text.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands.

    `role` is the message's role ("system", "developer", "user", "assistant", "tool"; "assistant" in responses).
    `kind` is "content", "tool_arguments", "tool_result", "tool_definition", "reasoning", "refusal", "input",
    or "other" for a field we have never heard of. `choice` counts choices in a response, else 0.
    `path` names the exact field, for example ("messages", 3, "content", 0, "text"). `document`: the text is a JSON
    document, by its looks in a request, because JSON was asked for in an answer.
    """

    phase: Phase
    role: str
    kind: str = "content"
    choice: int = 0
    path: tuple[str | int, ...] = ()
    document: bool = False

    @property
    def is_json(self) -> bool:
        """Whether the text is JSON: a document, or what a function is called with."""
        return self.document or (self.kind == "tool_arguments" and self.path[-1:] == ("arguments",))


@dataclass(frozen=True, slots=True)
class Hits:
    """Which rules of a set may match somewhere in a text: as it is written, and without its disguises if it has any."""

    written: Sequence[int]
    disguised: Disguised | None = None
    hidden: Sequence[int] = ()


@dataclass(frozen=True)
class Text:
    """One text and where it stands. `hits` is what one look for all policies found (gate.py)."""

    place: Place
    text: str
    hits: dict[object, Hits] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def data(self) -> bytes:
        """In UTF-8."""
        return self.text.encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a policy found: `entity` is EMAIL, SSN, ... or a rule's name; [start, end) in code points.

    `replacement` is what the span becomes, None when the span is reported but left as it is. What is `reversible`
    becomes a placeholder instead, if it stands in a request (vault.py).
    """

    policy: str
    entity: str
    start: int
    end: int
    replacement: str | None = None
    reversible: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A refusal: which policy, by which rule, and a message for the client that never quotes the matched text."""

    policy: str
    rule: str
    message: str


class Verdict(NamedTuple):
    """What one policy says of one text."""

    findings: tuple[Finding, ...] = ()
    block: Block | None = None
    scores: Mapping[str, float] = MappingProxyType({})


ALLOW = Verdict()


class Judgement(NamedTuple):
    """What the chain says of several texts: each text as it may go on, and everything found.

    `texts` is aligned with the texts given; it is not to be used when `block` is set.
    `failed` names policies that raised and were skipped (those that fail open only). `places` is aligned with
    `findings`: which of the texts each was found in.
    """

    texts: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    block: Block | None = None
    scores: Mapping[str, float] = MappingProxyType({})
    failed: tuple[str, ...] = ()
    places: tuple[int, ...] = ()


# Not frozen: one is made for each token of a stream, and 0.1 µs is enough for that, where `frozen` takes 0.3.
@dataclass(slots=True)
class Released:
    """What a stream may let go after a push: text that is final, findings in it, and a block if one was met.

    Finding offsets count from the start of the place's stream. Not to be changed: one may stand for several pushes.
    """

    text: str
    findings: tuple[Finding, ...] = ()
    block: Block | None = None


class StreamWindow(Protocol):
    """The hold-back of one place in a stream: one per choice and field."""

    @property
    def held(self) -> int:
        """Characters held back at present."""

    def push(self, text: str) -> Released:
        """Take the next piece; release what no rule can still reach."""

    def finish(self) -> Released:
        """The place has ended: judge and release what is held."""


class Guard(Protocol):
    """The chain at work on one exchange; what it learns there (a redaction vault, say) dies with the exchange."""

    @property
    def failed(self) -> Collection[str]:
        """Kinds of the policies that have failed open so far, in whole texts or in windows."""

    def judge(self, texts: Sequence[Text]) -> Judgement:
        """Judge whole texts of one phase together."""

    def window(self, place: Place) -> StreamWindow | None:
        """A hold-back for one streamed place; None when no policy in the chain looks there."""


class PolicyFailed(Exception):
    """A policy that fails closed raised while judging: the exchange must not go on unguarded."""

    def __init__(self, policy: str) -> None:
        super().__init__(f"policy {policy} failed")
        self.policy = policy
