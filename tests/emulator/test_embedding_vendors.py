"""Cohere, Voyage AI and Jina on SageMaker."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from extproc.emulator.container import ContainerRefused
from extproc.emulator.embedding_containers import CONTAINERS
from extproc.emulator.embeddings import Call
from extproc.emulator.vectors import as_bits, as_bytes, vector

TEXTS = ["one two", "three"]
VECTORS = [vector(text) for text in TEXTS]
COHERE = {"texts": TEXTS, "input_type": "search_document"}


def answer(kind, document, fault=""):
    """What a container says to a request."""
    return json.loads(CONTAINERS[kind].answer(document, Call("my-endpoint", 1_790_000_000, 7), fault))


def test_cohere_gives_floats_in_a_list() -> None:
    """With the texts, what is billed, and the kind of answer."""
    made = answer("cohere", {**COHERE, "truncate": "END"})
    assert (made["embeddings"], made["texts"]) == (VECTORS, TEXTS)
    assert (made["meta"]["billed_units"], made["response_type"]) == ({"input_tokens": 3}, "embeddings_floats")
    assert made["id"]
    assert answer("cohere", {**COHERE, "output_dimension": 4})["embeddings"] == [numbers[:4] for numbers in VECTORS]


def test_cohere_gives_each_type_that_is_asked_for() -> None:
    """In a list of its own under its name, in the order of the texts."""
    made = answer("cohere", {**COHERE, "embedding_types": ["float", "int8", "uint8", "binary", "ubinary"]})
    assert made["response_type"] == "embeddings_by_type"
    assert made["embeddings"] == {
        "float": VECTORS,
        "int8": [as_bytes(numbers, signed=True) for numbers in VECTORS],
        "uint8": [as_bytes(numbers, signed=False) for numbers in VECTORS],
        "binary": [as_bits(numbers, signed=True) for numbers in VECTORS],
        "ubinary": [as_bits(numbers, signed=False) for numbers in VECTORS],
    }


def test_voyage_answers_nearly_as_openai_does() -> None:
    """With an index, but without prompt_tokens."""
    made = answer("voyage", {"input": TEXTS, "input_type": "query", "truncation": "true"})
    assert (made["object"], made["model"], made["usage"]) == ("list", "my-endpoint", {"total_tokens": 3})
    assert made["data"] == [
        {"object": "embedding", "embedding": numbers, "index": index} for index, numbers in enumerate(VECTORS)
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"input_type": None, "truncation": False, "encoding_format": None}, VECTORS),
        ({"output_dimension": 256}, [vector(text, 256) for text in TEXTS]),
        ({"output_dtype": "int8"}, [as_bytes(numbers, signed=True) for numbers in VECTORS]),
    ],
    ids=str,
)
def test_voyage_takes_its_arguments(more, expected) -> None:
    """Each with the values of its documentation."""
    assert [item["embedding"] for item in answer("voyage", {"input": TEXTS, **more})["data"]] == expected


def test_voyage_gives_base64_when_asked() -> None:
    """Of float32, little-endian; a single text is a list of one."""
    (item,) = answer("voyage", {"input": "three", "encoding_format": "base64"})["data"]
    assert list(struct.unpack("<8f", base64.b64decode(item["embedding"]))) == vector("three")


def test_jina_answers_a_row_for_each_row() -> None:
    """One row may stand without a list; a null parameter is none."""
    rows = [{"text": text} for text in TEXTS]
    parameters = {"task": "text-matching", "dimensions": None, "late_chunking": False}
    made = answer("jina", {"data": rows, "parameters": parameters})
    assert [(item["index"], item["embedding"]) for item in made["data"]] == list(enumerate(VECTORS))
    assert made["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    (one,) = answer("jina", {"data": rows[0], "parameters": {"dimensions": 4}})["data"]
    assert one["embedding"] == VECTORS[0][:4]


REFUSED = {
    "Cohere: no input_type": ("cohere", {"texts": ["x"]}, 400, "valid input_type must be provided"),
    "Cohere: input_type": ("cohere", {"texts": ["x"], "input_type": "query"}, 400, "valid input_type"),
    "Cohere: OpenAI's shape": ("cohere", {"input": "x"}, 400, "valid texts"),
    "Cohere: one text": ("cohere", {**COHERE, "texts": "x"}, 400, "valid texts"),
    "Cohere: a large batch": ("cohere", {**COHERE, "texts": ["x"] * 97}, 400, "at most 96 - received 97"),
    "Cohere: truncate": ("cohere", {**COHERE, "truncate": True}, 400, "truncate"),
    "Cohere: types": ("cohere", {**COHERE, "embedding_types": ["float16"]}, 400, "embedding_types"),
    "Cohere: no types": ("cohere", {**COHERE, "embedding_types": []}, 400, "embedding_types"),
    "Cohere: output_dimension": ("cohere", {**COHERE, "output_dimension": "4"}, 400, "output_dimension"),
    "Voyage: dimensions": ("voyage", {"input": "x", "dimensions": 8}, 400, "Argument 'dimensions' is not supported"),
    "Voyage: float": (
        "voyage",
        {"input": "x", "encoding_format": "float"},
        400,
        "Value 'float' supplied for argument 'encoding_format' is not valid -- accepted values are 'base64'",
    ),
    "Voyage: input_type": ("voyage", {"input": "x", "input_type": "passage"}, 400, "'query', 'document'"),
    "Voyage: truncation": ("voyage", {"input": "x", "truncation": 1}, 400, "'truncation'"),
    "Voyage: no input": ("voyage", {"input_type": "query"}, 400, "'input'"),
    "Voyage: an empty text": ("voyage", {"input": ["x", ""]}, 400, "'input'"),
    "Voyage: a large batch": ("voyage", {"input": ["x"] * 1001}, 400, "Your batch size is 1001"),
    "Voyage: output_dimension": ("voyage", {"input": "x", "output_dimension": 0}, 400, "'output_dimension'"),
    "Voyage: bytes in base64": (
        "voyage",
        {"input": "x", "output_dtype": "int8", "encoding_format": "base64"},
        400,
        "output_dtype float",
    ),
    "Jina: OpenAI's shape": ("jina", {"input": ["x"]}, 422, "data"),
    "Jina: texts": ("jina", {"data": ["x"]}, 422, "data"),
    "Jina: no text": ("jina", {"data": [{"image": "x"}]}, 422, "data.text"),
    "Jina: a parameter": ("jina", {"data": {"text": "x"}, "parameters": {"normalize": True}}, 422, "normalize"),
    "Jina: dimensions": ("jina", {"data": {"text": "x"}, "parameters": {"dimensions": "8"}}, 422, "dimensions"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_vendor_refuses_what_it_does_not_take(name) -> None:
    """With the status and in the shape of each: `message` for Cohere, `detail` for the others."""
    kind, document, status, words = REFUSED[name]
    with pytest.raises(ContainerRefused) as refused:
        answer(kind, document)
    assert refused.value.status == status
    assert words in json.loads(refused.value.body)["message" if kind == "cohere" else "detail"]


@pytest.mark.parametrize(
    ("kind", "document"),
    [("voyage", {"input": TEXTS}), ("jina", {"data": [{"text": text} for text in TEXTS]})],
)
def test_shuffled_vectors_keep_their_index(kind, document) -> None:
    """The order is wrong, and what each row says of itself is right."""
    made = answer(kind, document, "vectors-shuffled")["data"]
    assert [(item["index"], item["embedding"]) for item in made] == [(1, VECTORS[1]), (0, VECTORS[0])]


def test_a_type_of_coheres_may_be_short_or_wrong() -> None:
    """A fault is in every type that was asked for."""
    asked = {**COHERE, "embedding_types": ["float", "int8"]}
    short = answer("cohere", asked, "vector-missing")["embeddings"]
    assert {name: len(rows) for name, rows in short.items()} == {"float": 1, "int8": 1}
    wrong = answer("cohere", asked, "vectors-text")["embeddings"]
    assert wrong["int8"] == [["not a number"] * 8] * 2
