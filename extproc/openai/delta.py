"""The deltas of one choice through its windows: one hold-back for each place, and nothing let go that is in question.

A place is one string of the choice's message: content, reasoning, refusal, each tool call's arguments, and any field
we have never heard of. Its text arrives in pieces and is judged as a whole, by the same place as in a whole answer.

Places do not end where another begins: a model may think, speak, and think again, and a match may lie across. Only a
tool call ends when the next one begins, since clients run it then. Text for a place that has ended is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from extproc.openai import places
from extproc.openai.escapes import Escaping, Unescaping
from extproc.openai.shape import is_key
from extproc.openai.text import SPELLED_OUT, Expected
from extproc.policies.verdict import Phase, Place, Text
from extproc.sagemaker.faults import broken_off

if TYPE_CHECKING:
    from extproc.openai.document import Document
    from extproc.openai.places import Path
    from extproc.policies.verdict import Block, Finding, Guard, Released, StreamWindow


# Each holds back 8,192 characters at most (policies/window.py). Real answers have a dozen, one more for each tool call.
MAX_PLACES = 1024
# Bytes of token probabilities that wait for their text.
MAX_SPELLED_OUT = 4_194_304


@dataclass(slots=True)
class Room:
    """What a stream may still take up, over all its choices: a container may send ever new fields, and never end."""

    places: int = MAX_PLACES
    spelled_out: int = MAX_SPELLED_OUT


class Blocked(Exception):
    """A policy blocked: nothing more of the stream may be sent but `delta`, with what stood before the match."""

    def __init__(self, block: Block, choice: int, delta: Document | None = None) -> None:
        super().__init__(block.rule)
        self.block = block
        self.choice = choice
        self.delta = delta


class _Running:
    """A place that text has come for, and its hold-back: None where no policy looks.

    `waiting` is text that came and has not gone out as it came; not kept up once the choice is redacted. `escapes`
    are those of JSON, taken away before the window and put back behind it.
    """

    __slots__ = ("ended", "escapes", "waiting", "window")

    def __init__(self, window: StreamWindow | None, *, is_json: bool) -> None:
        self.window = window
        self.escapes = (Unescaping(), Escaping()) if is_json else None
        self.ended = False
        self.waiting = ""

    def told(self, text: str) -> str:
        """Text as it may go out."""
        return text if self.escapes is None else self.escapes[1].push(text)


class ChoiceStream:
    """One choice of a stream. `findings` grows as they are made; `characters` counts those of text received.

    `spelled_out` is what spells text out and waits for it.
    """

    def __init__(
        self,
        index: int,
        guard: Guard,
        findings: list[Finding],
        expected: Expected | None = None,
        room: Room | None = None,
    ) -> None:
        self.index = index
        self.characters = 0
        self.redacted = False
        self.spelled_out: Document = {}
        self._guard = guard
        self._findings = findings
        self._expected = expected or Expected()
        self._room = room or Room()
        # By path from the delta; a list's element goes by its own `index`, where it has one.
        self._running: dict[Path, _Running] = {}
        self._tool_call: tuple[int, str] | None = None
        self._spelled_bytes = 0
        self._unspelled = False

    @property
    def called(self) -> bool:
        """Whether a tool call has come."""
        return self._tool_call is not None

    def push(self, delta: Document, *, last: bool) -> tuple[list[Document], bool]:
        """Take a delta and rewrite it in place to what may go on.

        Returns:
            Deltas that must go before it, and whether text was held out of it.

        Raises:
            Blocked: a policy refused.
            UpstreamFailed: the container added to what had ended, or there are too many places.
            PolicyFailed: a policy failed.
        """
        before = self._end_tool_calls(delta)
        held = self._walk(delta, (), last=last)
        if last:
            before += self.finish()
        return before, held

    def finish(self) -> list[Document]:
        """The choice has ended: deltas with what was held, place by place. Raises as `push` does."""
        return self._end(list(self._running), always=True)

    def take_spelled_out(self, part: Document) -> None:
        """Take what spells text out (logprobs, token_ids) from the choice's part of a chunk."""
        for name in SPELLED_OUT:
            value = part.get(name)
            if value is not None:
                part[name] = None
                size = len(orjson.dumps(value))
                self._room.spelled_out -= size
                self._spelled_bytes += size
                self.spelled_out[name] = _joined(self.spelled_out.get(name), value)
        if self._room.spelled_out < 0:
            # With gaps they would be of no use.
            self._unspelled = True

    def give_spelled_out(self, part: Document) -> None:
        """Give it back once none of its text is held; never, if anything in the choice was redacted, or it was much."""
        if not self.spelled_out:
            return
        drop = self.redacted or self._unspelled
        if drop or not any(running.waiting for running in self._running.values()):
            if not drop:
                part.update(self.spelled_out)
            self.spelled_out.clear()
            self._room.spelled_out += self._spelled_bytes
            self._spelled_bytes = 0

    def _end_tool_calls(self, delta: Document) -> list[Document]:
        """End the running tool call if this delta begins another: by its index, or by a new id under the same index."""
        calls = delta.get("tool_calls")
        if type(calls) is not list or not calls:
            return []
        before: list[Document] = []
        first = calls[0]
        if type(first) is dict and self._tool_call is not None:
            index, known = self._tool_call
            begun, new = _index(first, 0), first.get("id")
            other = type(new) is str and new != "" and known not in ("", new)
            if begun != index or other:
                ended = [path for path in self._running if path[:2] == ("tool_calls", index)]
                before = self._end(ended, always=False)
                if begun == index:
                    for path in ended:
                        del self._running[path]
                        self._room.places += 1
        current = calls[-1]
        if type(current) is dict:
            index, new = _index(current, len(calls) - 1), current.get("id")
            known = self._tool_call[1] if self._tool_call is not None and self._tool_call[0] == index else ""
            self._tool_call = index, new if type(new) is str and new else known
        return before

    def _walk(self, node: Any, path: Path, *, last: bool, over: bool = False) -> bool:
        """Put every text below a node through its window. Whether something was held out of it.

        `last`: the choice ends here. `over`: the tool call does.
        """
        held = False
        for key in list(node) if type(node) is dict else range(len(node)):
            value = node[key]
            if type(key) is str and not is_key(key):
                key = self._key(node, key, path)  # noqa: PLW2901 - it goes by that name from here on
            step = key if type(key) is str else _index(value, key)
            # Of several tool calls in one delta, each but the last has ended with it.
            ends = over or (path == ("tool_calls",) and step != _index(node[-1], len(node) - 1))
            if type(value) is str:
                if value:
                    released = self.push_text((*path, step), value, last=last, over=ends)
                    held = held or not released
                    node[key] = released or None
            elif _is_container(value) and self._walk(value, (*path, step), last=last, over=ends):
                held = True
                if _is_hollow(value):
                    node[key] = None
        if held:
            _prune(node)
        return held

    def _key(self, node: Document, key: str, path: Path) -> str:
        """Judge a key that is more than a name, and rename what a policy redacts."""
        place = Place(Phase.RESPONSE, "assistant", "other", self.index, ("choices", self.index, "message", *path, key))
        judgement = self._guard.judge([Text(place, key)])
        self._findings += judgement.findings
        if judgement.block is not None:
            raise Blocked(judgement.block, self.index)
        judged = judgement.texts[0]
        if judged != key:
            node[judged] = node.pop(key)
            self.redacted = True
        return judged

    def push_text(self, path: Path, text: str, *, last: bool = False, over: bool = False) -> str:
        """Take text for the place at that path from the delta; give what of it may go on.

        `last`: the choice ends here. `over`: the tool call does. Raises as `push` does.
        """
        running = self._running.get(path)
        if running is None:
            running = self._begin(path, text)
            if running is None:
                return text
        self.characters += len(text)
        if running.escapes is not None:
            text = running.escapes[0].push(text)
            if last or over:
                text += running.escapes[0].finish()
        window = running.window
        if window is None:
            return running.told(text)
        if running.ended:
            raise broken_off(f"choice {self.index}: more text for a field after its end")
        if not self.redacted:
            running.waiting += text
        released = self._released(path, running, window.push(text)) if text else ""
        if last or (over and window.held):
            running.ended = True
            released += self._released(path, running, window.finish(), released)
        return running.told(released)

    def _begin(self, path: Path, text: str) -> _Running | None:
        """A place that its first text has come for; None for what is structure, and no text."""
        kind = places.kind(path, "assistant", text, self._expected.functions)
        if kind is None:
            return None
        self._room.places -= 1
        if self._room.places < 0:
            raise broken_off(f"text in more than {MAX_PLACES} places")
        where = ("choices", self.index, "message", *path)
        document = self._expected.document(kind)
        place = Place(Phase.RESPONSE, "assistant", kind, self.index, where, document=document)
        running = self._running[path] = _Running(self._guard.window(place), is_json=place.is_json)
        return running

    def _end(self, paths: list[Path], *, always: bool) -> list[Document]:
        deltas = []
        for path in paths:
            running = self._running[path]
            rest = running.escapes[0].finish() if running.escapes is not None else ""
            if running.window is None:
                if rest:
                    deltas.append(_delta(path, running.told(rest)))
                continue
            # Where nothing is held no match has begun: the place may go on, should the container come back to it.
            if running.ended or not (always or rest or running.window.held):
                continue
            running.ended = True
            released = self._released(path, running, running.window.push(rest)) if rest else ""
            released += self._released(path, running, running.window.finish(), released)
            if released:
                deltas.append(_delta(path, running.told(released)))
        return deltas

    def _released(self, path: Path, running: _Running, released: Released, before: str = "") -> str:
        """What a place lets go; `before` is what it just did, and was not sent yet."""
        text = released.text
        if released.findings or released.block is not None:
            self._findings += released.findings
            if released.block is not None:
                said = running.told(before + text)
                raise Blocked(released.block, self.index, _delta(path, said) if said else None)
            if any(found.replacement is not None for found in released.findings):
                self.redacted = True
        if running.waiting.startswith(text):
            running.waiting = running.waiting[len(text) :]
        else:
            # A marker can go out before its finding is told.
            self.redacted = True
        return text


def _is_container(value: Any) -> bool:
    return type(value) is dict or type(value) is list


def _index(element: Any, position: int) -> int:
    index = element.get("index") if type(element) is dict else None
    return index if type(index) is int else position


def _prune(node: Any) -> None:
    """Remove what was held back, which stands there as None; a container's own nulls say nothing either."""
    if type(node) is dict:
        for key in [key for key, value in node.items() if value is None]:
            del node[key]
    else:
        node[:] = [value for value in node if value is not None]


def _is_hollow(value: Any) -> bool:
    return not value or (type(value) is dict and value.keys() == {"index"})


def _delta(path: Path, text: str) -> Document:
    """A delta that adds text at a path."""
    value: Any = text
    for at in range(len(path) - 1, -1, -1):
        step = path[at]
        if isinstance(step, int):
            value = [{"index": step, **value} if isinstance(value, dict) else value]
        else:
            value = {step: value}
    delta: Document = value
    return delta


def _joined(before: Any, more: Any) -> Any:
    """Lists one after the other, and objects of lists key by key (`logprobs.content`)."""
    if isinstance(before, list) and isinstance(more, list):
        # In place: a copy for each chunk would take quadratic time.
        before += more
        return before
    if isinstance(before, dict) and isinstance(more, dict):
        return {**before, **{name: _joined(before.get(name), value) for name, value in more.items()}}
    return before if more is None else more
