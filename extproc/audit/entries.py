"""What a line of the trail lists: entries with fixed members, each of exactly its type."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

# By the name of a type, as a dataclass with postponed annotations has it.
_TYPES: Mapping[str, type] = {"str": str, "int": int, "bool": bool}
T = TypeVar("T")


def entries(line: Mapping[str, object], member: str, kind: type[T], *, noun: str, things: str) -> tuple[T, ...]:
    """The entries of a line's `member`, each a `kind`: a dataclass of texts, whole numbers and truth values.

    Raises:
        ValueError: there is no such list, or an entry is none; the line is called `noun`, what it lists `things`.
    """
    listed = line.get(member)
    if not isinstance(listed, list):
        raise ValueError(f"{noun} without {things}")  # noqa: TRY004 - a value of the line, as the next one
    try:
        found = tuple(kind(**entry) for entry in listed)
    except TypeError:
        found = ()
    if len(found) != len(listed) or not all(_typed(entry) for entry in found):
        raise ValueError(f"{noun}'s {things} are not as they should be")
    return found


def _typed(entry: Any) -> bool:
    # `type() is`: to Python, True is a whole number.
    return all(type(getattr(entry, field.name)) is _TYPES[str(field.type)] for field in fields(entry))
