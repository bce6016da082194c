"""What every embedding container has in common: a request read, an item for each text, a document, and its faults.

A stream of embeddings does not exist: asked on the streaming operation, a container answers with the same document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from extproc.emulator.vectors import DIMENSIONS, tokens, vector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Call:
    """What a container knows besides the body: its endpoint's name, the time in Unix seconds, the request's number."""

    endpoint: str
    created: int
    number: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request decides the answer. `single`: the text was no list. `forms`: how numbers are to be written."""

    texts: tuple[str, ...]
    single: bool = False
    dimensions: int = DIMENSIONS
    forms: tuple[str, ...] = ("float",)

    def vector(self, index: int) -> list[float]:
        """The vector of one text, as long as asked for."""
        return vector(self.texts[index], self.dimensions)

    @property
    def tokens(self) -> int:
        """Of all texts together."""
        return sum(map(tokens, self.texts))


@dataclass(frozen=True, slots=True)
class EmbeddingContainer:
    """One container.

    Args:
        read: takes a body or raises ContainerRefused in the container's own words.
        item: what stands for one text in the answer.
        whole: the answer around the items.
        error: how the container says that it failed.
    """

    read: Callable[[dict[str, Any], Call], Asked]
    item: Callable[[Asked, int], Any]
    whole: Callable[[list[Any], Asked, Call], Any]
    error: Any

    def answer(self, document: dict[str, Any], call: Call, fault: str) -> bytes:
        """Answer a request, wrongly if the fault is one of FAULTS or error-200.

        Raises:
            ContainerRefused: what this container would refuse.
        """
        asked = self.read(document, call)
        if fault == "error-200":
            return orjson.dumps(self.error)
        items = [self.item(asked, index) for index in range(len(asked.texts))]
        change = FAULTS.get(fault)
        return orjson.dumps(self.whole(change(items) if change else items, asked, call))


def texts_of(given: object) -> tuple[tuple[str, ...], bool] | None:
    """Return the texts of a string or a list of strings, and whether it was one string; None for anything else."""
    if isinstance(given, str):
        return (given,), True
    if isinstance(given, list) and all(isinstance(item, str) for item in given):
        return tuple(given), False
    return None


def _without_numbers(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: item if key in ("object", "index") else _without_numbers(item) for key, item in value.items()}
    return "not a number"


FAULTS: Mapping[str, Callable[[list[Any]], list[Any]]] = {
    "vector-missing": lambda items: items[:-1],
    "vectors-shuffled": lambda items: items[::-1],
    "vectors-text": _without_numbers,
}
