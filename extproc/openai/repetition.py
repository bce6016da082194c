"""Chunks that repeat the one before them but for their text: nearly all of a stream.

What stands around the text was looked at then, and need not be again. A chunk is only taken for a repetition when that
is certain: it holds one choice, nothing but strings and nulls beside two whole numbers, and one text, of a known name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.openai.text import CHOICE_STRUCTURE, CHUNK_STRUCTURE

if TYPE_CHECKING:
    from extproc.openai.document import Document

# What the text of a delta is called.
TEXTS = ("content", "reasoning_content", "reasoning")
_PART = CHOICE_STRUCTURE | {"delta"}
# What a delta may have beside its text, as null.
_BESIDE = frozenset({*TEXTS, "role", "refusal", "tool_calls", "function_call"})


@dataclass(frozen=True, slots=True)
class Likeness:
    """A chunk as the container told it, with null for the text of that name.

    `gone` are the fields of it that are not sent on, `envelope` is what deltas of ours are sent in behind it.
    """

    name: str
    told: Document
    gone: tuple[str, ...]
    envelope: Document


def part_of(chunk: Document) -> Document | None:
    """The part of a chunk's only choice, if it has a number and a delta."""
    parts = chunk.get("choices")
    if type(parts) is not list or len(parts) != 1:
        return None
    part: Document = parts[0]
    # Equal is not enough for numbers: 1 is true, and 1.0.
    if type(part) is dict and type(part.get("index")) is int and type(part.get("delta")) is dict:
        return part if type(chunk.get("created")) is int else None
    return None


def repeats(chunk: Document, part: Document, known: Likeness) -> bool:
    """Whether a chunk says nothing new but a text. The chunk is as it was."""
    delta = part["delta"]
    text = delta.get(known.name)
    if type(text) is not str or not text:
        return False
    delta[known.name] = None
    same = chunk == known.told
    delta[known.name] = text
    return same


def told(chunk: Document, part: Document) -> tuple[str, Document] | None:
    """The name of a chunk's text, and a copy of the chunk without it; None if it is not to be repeated."""
    delta = part["delta"]
    said = [name for name, value in delta.items() if value is not None and name != "role"]
    if len(said) != 1 or said[0] not in TEXTS or type(delta[said[0]]) is not str or not delta[said[0]]:
        return None
    plain = all(type(value) is str or value is None or name in ("created", "choices") for name, value in chunk.items())
    quiet = all(value is None or name in ("index", "delta") for name, value in part.items())
    if not plain or not quiet or delta.get("role") not in (None, "assistant"):
        return None
    if not (chunk.keys() <= CHUNK_STRUCTURE and part.keys() <= _PART and delta.keys() <= _BESIDE):
        return None
    return said[0], {**chunk, "choices": [{**part, "delta": {**delta, said[0]: None}}]}
