"""What a test may turn on one request: how long the answer is, how it is cut, how fast it comes.

Three ways to turn a knob: at the end of the endpoint's name (`chat--frame1--delay5`); in a field `emulator` of the
request's body (`{"emulator": {"frame_bytes": 1, "delay_ms": 5}}`), which an SDK's `extra_body` carries through a
gateway; at the end of a fault that is set on the emulator (`chat--first2000`). Of two, the later in this list wins.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, fields, replace
from typing import Any

from extproc.emulator.personalities import KINDS, is_kind

MEBIBYTE = 1024 * 1024


class BadKnob(ValueError):
    """The field `emulator` has a name or a value that means nothing; the message says which."""


@dataclass(frozen=True, slots=True)
class Knobs:
    """One request's settings; SHORT has the names that some of them have in an endpoint's name.

    Args:
        text: the answer, instead of the last user message. In a body also `text_codes`, the same as code points: a
            gateway's policies on requests see no text in it, so that its policies on answers can be tested.
        reasoning: the answer's reasoning_content.
        tokens: answer with so many words instead.
        token_chars: cut words into tokens of so many characters.
        finish_reason: instead of stop, length or tool_calls.
        raw: what a stream's container writes, event by event, exactly so: no event of its own, no end, no [DONE].
            Faults and framing do to it what they do to any stream.
        delay_ms: before each event of a stream; of a whole answer or an error, before its headers.
        limit_ms: what the platform gives the container for a whole answer (60 s; then 424, status 0) or for all of a
            stream (8 min; then the exception ModelInvocationTimeExceeded).
        first_ms: before the first event of a stream, after its headers; of a whole answer, before its headers. On top
            of delay_ms.
        events_per_frame: so many events in one frame.
        frame_bytes: so many bytes of payload in each frame, wherever events end.
        split_utf8: cut frames inside every multi-byte character and between the two line feeds that end an event.
        frames_per_chunk: so many frames in one HTTP chunk and one write.
        write_bytes: so many bytes in one TCP write, wherever frames and chunks end.
        empty_frames: an empty PayloadPart before every frame.
        unknown_events: an event of an unknown type after every frame.
        unended: line feeds come with the event after them, so that the last event has none.
        after: so many events go out before a fault in mid-stream.
        fault: a kind of the table in personalities.py, instead of the endpoint name's.
        original_status, original_message: of a 424: what the container is said to have answered.
        bytes: size of a huge answer.
    """

    text: str | None = None
    reasoning: str | None = None
    tokens: int | None = None
    token_chars: int | None = None
    finish_reason: str | None = None
    raw: tuple[str, ...] | None = None
    delay_ms: float = 0.0
    limit_ms: int | None = None
    first_ms: float = 0.0
    events_per_frame: int = 1
    frame_bytes: int | None = None
    split_utf8: bool = False
    frames_per_chunk: int = 1
    write_bytes: int | None = None
    empty_frames: bool = False
    unknown_events: bool = False
    unended: bool = False
    after: int = 3
    fault: str | None = None
    original_status: int | None = None
    original_message: str | None = None
    bytes: int = 32 * MEBIBYTE

    @property
    def whole_ms(self) -> float:
        """How long a whole answer takes."""
        return self.delay_ms + self.first_ms


# Short name → field; those of a flag take no number.
SHORT = {
    "tokens": "tokens",
    "chars": "token_chars",
    "delay": "delay_ms",
    "limit": "limit_ms",
    "first": "first_ms",
    "events": "events_per_frame",
    "frame": "frame_bytes",
    "utf8": "split_utf8",
    "chunk": "frames_per_chunk",
    "write": "write_bytes",
    "empty": "empty_frames",
    "unknown": "unknown_events",
    "unended": "unended",
    "after": "after",
    "bytes": "bytes",
}
_POSITIVE = frozenset({"token_chars", "events_per_frame", "frame_bytes", "frames_per_chunk", "write_bytes"})
_TYPES: dict[str, tuple[type, ...]] = {
    **{field.name: (int,) for field in fields(Knobs)},
    **dict.fromkeys(("text", "reasoning", "finish_reason", "fault", "original_message"), (str,)),
    **dict.fromkeys(("split_utf8", "empty_frames", "unknown_events", "unended"), (bool,)),
    **dict.fromkeys(("delay_ms", "first_ms"), (int, float)),
    "raw": (list,),
}
_SUFFIX = re.compile(r"--(utf8|[a-z]+)(\d*)(?=--|$)")

DEFAULT = Knobs()


def from_name(endpoint: str, knobs: Knobs = DEFAULT) -> Knobs:
    """Return the knobs with what the end of a name sets over them. What is no knob is just a name."""
    found: dict[str, Any] = {}
    for short, number in _SUFFIX.findall(endpoint):
        name = SHORT.get(short)
        if name is None:
            continue
        if _TYPES[name] == (bool,):
            found[name] = True
        elif number and (int(number) or name not in _POSITIVE):
            found[name] = int(number)
    return replace(knobs, **found) if found else knobs


def from_body(knobs: Knobs, given: object) -> Knobs:
    """Return the knobs with those of the body's field `emulator` over them.

    Raises:
        BadKnob: not an object, an unknown name, a wrong type or a negative number.
    """
    if not isinstance(given, dict):
        raise BadKnob("`emulator` must be an object")
    given = dict(given)
    if "text_codes" in given:
        given["text"] = _decoded(given.pop("text_codes"))
    for name, value in given.items():
        types = _TYPES.get(name)
        if types is None:
            raise BadKnob(f"`emulator.{name}` is not one of {', '.join(sorted(_TYPES))}")
        if type(value) not in types:
            raise BadKnob(f"`emulator.{name}` must be a {types[-1].__name__}")
        if isinstance(value, int | float) and value < (1 if name in _POSITIVE else 0):
            raise BadKnob(f"`emulator.{name}` is too small")
        if name == "fault" and not is_kind(value):
            raise BadKnob(f"`emulator.fault` is none of {', '.join(sorted(KINDS))}")
    if "raw" in given:
        given["raw"] = _written(given["raw"])
    return replace(knobs, **given)


def is_fault(name: str) -> bool:
    """Whether a fault may be set so: a kind, and knobs after it (`chat--first2000`) or none."""
    kind, mark, turned = name.partition("--")
    # A word that is no knob would be just a name, and the fault not what was meant.
    return is_kind(kind) and (not mark or all(from_name(f"--{knob}") != DEFAULT for knob in turned.split("--")))


def _written(events: list[object]) -> tuple[str, ...]:
    """Return what `raw` lists; raises BadKnob."""
    written = tuple(event for event in events if isinstance(event, str))
    if len(written) < len(events):
        raise BadKnob("`emulator.raw` must be a list of texts")
    return written


def _decoded(codes: object) -> str:
    """Return the text of a list of code points; raises BadKnob."""
    if not isinstance(codes, list) or not all(type(code) is int and 0 <= code <= sys.maxunicode for code in codes):
        raise BadKnob("`emulator.text_codes` must be a list of code points")
    return "".join(map(chr, codes))
