"""What a policy is, and what a rule is: the two things the chain and the stream window know of any policy kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from extproc.policies.scan import Pattern
    from extproc.policies.verdict import Phase, Place, Text, Verdict

# Characters of the text before a candidate that a rule may read to judge it ("Order #" before ten digits).
# The stream window keeps this many characters of what it has already released.
CONTEXT = 48

Span = tuple[int, int]
Refine = Callable[[str, str], Sequence[Span]]


class Action(Enum):
    """What a match leads to: a finding only, a finding and a marker in place of the text, or a refusal."""

    OBSERVE = "observe"
    REDACT = "redact"
    BLOCK = "block"


def whole(candidate: str, before: str) -> Sequence[Span]:
    """The refinement of a rule whose expression says everything: the whole candidate counts."""
    del before
    return ((0, len(candidate)),)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One expression and what to do about its matches.

    `refine` gets a candidate (what the expression matched) and up to CONTEXT characters before it, and returns the
    spans inside the candidate that count, in order and disjoint: none for a false alarm, a part of it where the
    expression needed more text than the secret itself. It sees nothing after the candidate, so that a stream can
    ask it as soon as the match is final. `replace` turns the text of a span into its marker.
    `message` is the client's message if the rule blocks; `reversible` is that of its findings. With `again`, candidates
    may overlap: each is looked into again from its second character. `gate` matches somewhere in each text in which
    `refine` confirms anything, and in fewer texts than `pattern`: a whole text is only searched if it does.
    """

    policy: str
    name: str
    pattern: Pattern
    action: Action
    replace: Callable[[str], str]
    refine: Refine = whole
    message: str = ""
    reversible: bool = False
    again: bool = False
    gate: Pattern | None = None


class Policy(Protocol):
    """One policy of the chain. It judges original texts, and what it says depends on nothing that it saw before."""

    @property
    def kind(self) -> str:
        """Its kind, as in `policies.chain`; findings and refusals carry it."""

    @property
    def phases(self) -> frozenset[Phase]:
        """The phases in which it reads text at all; empty for a marker such as audit-logger."""

    def judge(self, texts: Sequence[Text]) -> Sequence[Verdict]:
        """One verdict for each text, in order. Texts of places it does not read get ALLOW."""

    def rules(self, place: Place) -> Sequence[Rule]:
        """The rules that apply to a streamed place; exactly those by which `judge` would judge its whole text."""


@runtime_checkable
class Remembers(Protocol):
    """A policy that can keep what it found out about a text for when the same text comes again."""

    def remembering(self, key: bytes) -> Policy:
        """The same policy with a memory of its own, with which it says what it says without one.

        `key` is 32 random bytes, secret, so that nobody can choose texts that the memory takes for one another.
        """


def refusal(policy: str, rule: str, message: str = "") -> str:
    """The client's message for a block: the configured one, else policy and rule; never the matched text."""
    return message or f"Blocked by policy {policy} (rule {rule})."
