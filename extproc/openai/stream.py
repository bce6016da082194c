"""A stream of chunks through the policies, on its way to the client.

What a choice still holds when it finishes goes out in chunks of its own, before the finish. Strings of a chunk or a
choice that stand outside the delta come whole, and are judged so; one that varies from chunk to chunk is judged
together with what came before, and a match across the two ends the stream: there is no hold-back for it. A chunk that
is empty because its text is held is not sent. Token probabilities and ids wait until nothing of their choice is held,
and are dropped once it was redacted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from extproc.errors import GatewayError
from extproc.openai import repetition, structure
from extproc.openai.call import MAX_CHOICES
from extproc.openai.delta import MAX_PLACES, Blocked, ChoiceStream, Room
from extproc.openai.shape import is_key
from extproc.openai.text import CHUNK_STRUCTURE, PART_STRUCTURE, Key, put, strings
from extproc.policies.verdict import Phase, Place, Text
from extproc.sagemaker import faults

if TYPE_CHECKING:
    from extproc.openai.document import Document
    from extproc.openai.places import Path
    from extproc.openai.text import Expected
    from extproc.policies.verdict import Block, Finding, Guard

# Characters of a string outside the delta that are remembered: longer than what policies look for.
_REMEMBERED = 512
# What every chunk of an answer says alike.
_ENVELOPE = ("id", "object", "created", "model", "system_fingerprint", "service_tier")


class Relay:
    """Takes the container's chunks and gives those that may go on. Chunks given in are changed in place.

    Once `block` or `error` is set nothing more comes out. `usage` is the upstream's last usage object, for the record;
    `finish_reasons` has one entry for each finished choice. `repeated` tells of the chunk that came last, if all that
    was new of it is a text.
    """

    def __init__(self, guard: Guard, model: str, include_usage: bool, expected: Expected | None = None) -> None:
        self._guard = guard
        self._model = model
        self._include_usage = include_usage
        self._expected = expected
        self._outside: dict[tuple[int, Path], _Outside] = {}
        self._choices: dict[int, ChoiceStream] = {}
        # By choice, what a chunk is like that adds to its text alone.
        self._likenesses: dict[int, repetition.Likeness] = {}
        self._finished: set[int] = set()
        self._room = Room()
        self._envelope: Document = {}
        self._findings: list[Finding] = []
        self._usage_sent = False
        self.block: Block | None = None
        self.error: GatewayError | None = None
        self.usage: Document | None = None
        self.finish_reasons: list[str] = []
        self.repeated: repetition.Repetition | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found and not yet taken; offsets count from the start of each place's stream."""
        return tuple(self._findings)

    @property
    def completion_characters(self) -> int:
        """Characters of text received, over all choices: what usage is estimated from if the container tells none."""
        return sum(choice.characters for choice in self._choices.values())

    def take_findings(self) -> tuple[Finding, ...]:
        """What was found since this was last called."""
        if not self._findings:
            return ()
        taken = tuple(self._findings)
        self._findings.clear()
        return taken

    def push(self, chunk: Document) -> list[Document]:
        """Take a chunk; give the chunks to send now.

        Raises:
            PolicyFailed: a policy failed; nothing more may be sent.
        """
        if self.block is not None or self.error is not None:
            return []
        sent: list[Document] = []
        self.repeated = None
        part = repetition.part_of(chunk)
        known = None if part is None else self._likenesses.get(part["index"])
        try:
            if part is not None and known is not None and repetition.repeats(chunk, part, known):
                return self._push_delta(chunk, part, known, sent)
            self.error = faults.from_answer(chunk, streamed=True)
            if self.error is not None:
                return []
            told = None if part is None else repetition.told(chunk, part)
            self._push(chunk, sent)
            if part is not None and told is not None:
                gone = tuple(told.keys() - chunk.keys())
                self._likenesses[part["index"]] = repetition.Likeness(told, gone, self._envelope)
        except Blocked as blocked:
            return [*sent, *self._blocked(blocked)]
        except GatewayError as error:
            self.error = error
            return []
        return sent

    def sample(self, chunk: Document, repeated: repetition.Repetition) -> Document | None:
        """A chunk as it would be sent, changed in place; None if it is none of those. Nothing is taken or judged."""
        part = repetition.part_of(chunk)
        if part is None or part["index"] != repeated.choice or not repetition.repeats(chunk, part, repeated.known):
            return None
        return repetition.sent(chunk, repeated.known, self._model)

    def repeat(self, repeated: repetition.Repetition, text: str) -> str | list[Document] | None:
        """Take such a chunk with that text.

        Returns:
            The text to send in the same chunk, "" for no chunk; if a policy refused, the chunks to send instead of it;
            None if there is more to send, or the choice's last chunk was not like it: nothing is taken then.

        Raises:
            PolicyFailed: a policy failed; nothing more may be sent.
        """
        known, number, path = repeated
        choice = self._choices[number]
        if self._likenesses[number] is not known or choice.spelled_out:
            return None
        self._envelope = known.envelope
        try:
            return choice.push_text(path, text)
        except Blocked as blocked:
            return self._blocked(blocked)
        except GatewayError as error:
            self.error = error
            return []

    def finish(self) -> list[Document]:
        """The answer is complete: what is held, the finish of choices that have none, the usage if it is still owed.

        Raises:
            PolicyFailed: a policy failed; nothing more may be sent.
        """
        if self.block is not None or self.error is not None:
            return []
        sent: list[Document] = []
        try:
            for choice in self._choices.values():
                sent += self._chunks(choice.index, choice.finish())
                if choice.index not in self._finished:
                    # The container said [DONE] alone; clients look for a reason.
                    reason = "tool_calls" if choice.called else "stop"
                    end = {"index": choice.index, "delta": {}, "finish_reason": reason}
                    sent.append({**self._envelope, "choices": [end]})
        except Blocked as blocked:
            return [*sent, *self._blocked(blocked)]
        if self._include_usage and self.usage is not None and not self._usage_sent:
            sent.append({**self._envelope, "choices": [], "usage": self.usage})
            self._usage_sent = True
        return sent

    def _blocked(self, blocked: Blocked) -> list[Document]:
        """Nothing more but what stood before the match."""
        self.block = blocked.block
        return [] if blocked.delta is None else self._chunks(blocked.choice, [blocked.delta])

    def _push_delta(
        self, chunk: Document, part: Document, known: repetition.Likeness, sent: list[Document]
    ) -> list[Document]:
        """Judge the delta of a chunk that has nothing else to say; the chunks to send."""
        self._envelope = known.envelope
        number, delta = part["index"], part["delta"]
        choice = self._choices[number]
        name = repetition.text_of(delta)
        if name is not None:
            self.repeated = repetition.Repetition(known, number, (name,))
            passed = choice.push_text((name,), delta[name])
            held = not passed
            if held:
                del delta[name]
            else:
                delta[name] = passed
        else:
            structure.calls(delta)
            before, held = choice.push(delta, last=False)
            sent += self._chunks(number, before)
        choice.give_spelled_out(part)
        if held and not _says_more(part):
            return sent
        sent.append(repetition.sent(chunk, known, self._model))
        return sent

    def _push(self, chunk: Document, sent: list[Document]) -> None:
        structure.envelope(chunk, repetition.OBJECT, self._model)
        self._envelope = {name: chunk[name] for name in _ENVELOPE if name in chunk}
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            self.usage = usage
        if not self._include_usage:
            chunk.pop("usage", None)
        unknown = chunk.keys() - CHUNK_STRUCTURE
        for name in unknown:
            self._judge_whole(chunk, name, None)
        parts = chunk.get("choices")
        parts = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        if len(parts) > MAX_CHOICES:
            raise faults.broken_off(f"more than {MAX_CHOICES} choices")
        if len(parts) > 1 and len({_number(part, at) for at, part in enumerate(parts)}) < len(parts):
            # What is flushed for the second part must come after the first.
            for part in parts:
                self._push({**chunk, "choices": [part]}, sent)
            return
        kept = [part for at, part in enumerate(parts) if self._push_part(part, at, sent)]
        # SDKs hand every event to the user's code, which looks for a choice unless it has asked for the usage.
        if unknown and not kept and not chunk.get("usage"):
            kept = [{"index": 0, "delta": {}, "finish_reason": None}]
        if kept or chunk.get("usage"):
            chunk["choices"] = kept
            sent.append(chunk)
            self._usage_sent = self._usage_sent or not kept

    def _push_part(self, part: Document, at: int, sent: list[Document]) -> bool:
        """Judge one choice's part of a chunk; whether it is to be sent."""
        structure.choice(part, at)
        number = _number(part, at)
        choice = self._choices.get(number)
        if choice is None:
            if len(self._choices) >= MAX_CHOICES:
                raise faults.broken_off(f"more than {MAX_CHOICES} choices")
            choice = ChoiceStream(number, self._guard, self._findings, self._expected, self._room)
            self._choices[number] = choice
        reason = part.get("finish_reason")
        if reason == "error":
            # djl-serving's rolling batch tells a failed generation so, with status 200.
            raise faults.broken_off(f"choice {number}: finish_reason error")
        choice.take_spelled_out(part)
        for name in part.keys() - PART_STRUCTURE:
            self._judge_whole(part, name, choice)
        delta = part.get("delta")
        if not isinstance(delta, dict):
            delta = part["delta"] = {}
        structure.calls(delta)
        before, held = choice.push(delta, last=bool(reason))
        sent += self._chunks(number, before)
        if reason:
            self._finished.add(number)
            if len(self.finish_reasons) < MAX_CHOICES:
                self.finish_reasons.append(str(reason))
        choice.give_spelled_out(part)
        return not held or _says_more(part)

    def _chunks(self, index: int, deltas: list[Document]) -> list[Document]:
        return [
            {**self._envelope, "choices": [{"index": index, "delta": delta, "finish_reason": None}]} for delta in deltas
        ]

    def _judge_whole(self, container: Document, name: str, choice: ChoiceStream | None) -> None:
        index = 0 if choice is None else choice.index
        found = list(islice((found for found in strings(container, name, (name,)) if found[2]), MAX_PLACES + 1))
        if len(found) > MAX_PLACES:
            raise faults.broken_off(f"more than {MAX_PLACES} strings in a field outside the deltas")
        if not is_key(name):
            found.append((container, Key(name), name, (name,)))
        if not found:
            return
        texts = [Text(Place(Phase.RESPONSE, "assistant", "other", index, path), text) for _, _, text, path in found]
        judgement = self._guard.judge(texts)
        self._findings += judgement.findings
        if judgement.block is not None:
            raise Blocked(judgement.block, index)
        for text in texts:
            self._judge_across(text)
        for (owner, key, string, _), judged in zip(found, judgement.texts, strict=True):
            if judged != string:
                put(owner, key, judged)
                if choice is not None:
                    choice.redacted = True

    def _judge_across(self, text: Text) -> None:
        key = text.place.choice, text.place.path
        outside = self._outside.get(key)
        if outside is None:
            if len(self._outside) >= MAX_PLACES:
                raise faults.broken_off(f"strings in more than {MAX_PLACES} fields outside the deltas")
            self._outside[key] = _Outside(text.text, text.text[-_REMEMBERED:])
            return
        before = outside.before
        outside.before = (before + text.text)[-_REMEMBERED:]
        outside.varies = outside.varies or text.text != outside.first
        if not outside.varies:
            return
        judgement = self._guard.judge([Text(text.place, before + text.text)])
        if judgement.block is not None:
            raise Blocked(judgement.block, text.place.choice)
        across = any(
            found.replacement is not None and found.start < len(before) < found.end for found in judgement.findings
        )
        if across:
            raise faults.broken_off("what a policy redacts came in pieces, in a field that is not streamed")


@dataclass(slots=True)
class _Outside:
    """A string outside the delta: as it came first, the end of all that came, and whether it ever came otherwise."""

    first: str
    before: str
    varies: bool = False


def _says_more(part: Document) -> bool:
    """Whether a choice's part of a chunk says anything when its text is held."""
    return any(value for name, value in part.items() if name != "index")


def _number(part: Document, at: int) -> int:
    index = part.get("index")
    return index if type(index) is int else at
