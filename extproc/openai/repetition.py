"""Chunks that repeat the one before them but for their delta: nearly all of a stream.

What stands around the delta was looked at then, and need not be again. A chunk is only taken for a repetition when that
is certain: it is for one choice, and holds nothing but strings and nulls beside two whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from extproc.openai.text import CHUNK_STRUCTURE, PART_STRUCTURE

if TYPE_CHECKING:
    from extproc.openai.document import Document

OBJECT = "chat.completion.chunk"
# What the text of a delta is called.
_TEXTS = ("content", "reasoning_content", "reasoning")


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """A chunk as the container told it, with null for its delta.

    `gone` are the fields of it that are not sent on, `envelope` is what deltas of ours are sent in behind it.
    """

    told: Document
    gone: tuple[str, ...]
    envelope: Document


class Repetition(NamedTuple):
    """A chunk of that choice which is like `known`, and whose delta is a text at that path and nothing else."""

    known: Likeness
    choice: int
    path: tuple[str]


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
    """Whether a chunk says nothing new but its delta. The chunk is as it was."""
    delta = part["delta"]
    part["delta"] = None
    same = chunk == known.told
    part["delta"] = delta
    return same


def sent(chunk: Document, known: Likeness, model: str) -> Document:
    """A chunk that says nothing new but its delta as it goes on, its delta judged; changed in place."""
    for field in known.gone:
        del chunk[field]
    chunk["object"], chunk["model"] = OBJECT, model
    return chunk


def told(chunk: Document, part: Document) -> Document | None:
    """A copy of a chunk without its delta, to know its repetitions by; None if it is not to be repeated."""
    plain = all(type(value) is str or value is None or name in ("created", "choices") for name, value in chunk.items())
    quiet = all(value is None or name in ("index", "delta") for name, value in part.items())
    if plain and quiet and chunk.keys() <= CHUNK_STRUCTURE and part.keys() <= PART_STRUCTURE:
        return {**chunk, "choices": [{**part, "delta": None}]}
    return None


def text_of(delta: Document) -> str | None:
    """What the text of a delta is called that holds nothing else."""
    # Not even a role: where one was no name before, it is a text ever after.
    if len(delta) != 1:
        return None
    ((name, text),) = delta.items()
    return name if name in _TEXTS and type(text) is str and text else None
