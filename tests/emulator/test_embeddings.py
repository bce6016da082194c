"""What embedding containers have in common: texts, and answers that are wrong on purpose."""

from __future__ import annotations

import orjson
import pytest

from extproc.emulator.embeddings import FAULTS, Asked, Call, EmbeddingContainer, texts_of
from extproc.emulator.personalities import IN_ANSWER
from extproc.emulator.vectors import vector

CALL = Call("e", 1_790_000_000, 1)
CONTAINER = EmbeddingContainer(
    read=lambda document, _: Asked(tuple(document["texts"])),
    item=lambda asked, index: {"object": "embedding", "index": index, "embedding": asked.vector(index)},
    whole=lambda items, asked, call: {"data": items, "tokens": asked.tokens, "endpoint": call.endpoint},
    error={"error": "failed"},
)


def answer(fault=""):
    """What the container says to three texts."""
    return orjson.loads(CONTAINER.answer({"texts": ["one two", "three", "four"]}, CALL, fault))


def test_an_answer_has_an_item_for_each_text() -> None:
    """In their order, with the vectors of the texts and the number of all tokens."""
    made = answer()
    assert [item["index"] for item in made["data"]] == [0, 1, 2]
    assert [item["embedding"] for item in made["data"]] == [vector("one two"), vector("three"), vector("four")]
    assert (made["tokens"], made["endpoint"]) == (4, "e")


def test_a_vector_is_missing() -> None:
    """The last one, and nothing says so."""
    assert answer("vector-missing")["data"] == answer()["data"][:-1]


def test_vectors_are_shuffled() -> None:
    """Each keeps the index that is its own."""
    made = answer("vectors-shuffled")["data"]
    assert [item["index"] for item in made] == [2, 1, 0]
    assert sorted(made, key=lambda item: item["index"]) == answer()["data"]


def test_words_stand_where_numbers_belong() -> None:
    """At any depth, while index and object stay."""
    assert answer("vectors-text")["data"][1] == {
        "object": "embedding",
        "index": 1,
        "embedding": ["not a number"] * 8,
    }
    assert FAULTS["vectors-text"]([[[1.0]], "AACAPw=="]) == [[["not a number"]], "not a number"]


def test_an_error_with_a_200() -> None:
    """The document is the container's error."""
    assert answer("error-200") == {"error": "failed"}


def test_every_fault_of_vectors_exists() -> None:
    """The table that names faults and the one that makes them agree."""
    assert {name for name in IN_ANSWER if name.startswith("vector")} == set(FAULTS)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("one", (("one",), True)),
        ("", (("",), True)),
        (["one"], (("one",), False)),
        ([], ((), False)),
        (["one", 2], None),
        ([["one"]], None),
        (None, None),
        (1, None),
        ({}, None),
    ],
    ids=str,
)
def test_texts(given, expected) -> None:
    """One string, or a list of strings; nothing else."""
    assert texts_of(given) == expected
