"""What each embedding container takes, answers and refuses."""

from __future__ import annotations

import base64
import json
import statistics
import struct

import pytest
from openai.types import CreateEmbeddingResponse

from extproc.emulator.container import ContainerRefused
from extproc.emulator.embedding_containers import CONTAINERS
from extproc.emulator.embeddings import Call
from extproc.emulator.personalities import EMBEDDINGS
from extproc.emulator.vectors import vector

TEXTS = ["one two", "three"]
VECTORS = [vector(text) for text in TEXTS]
ONE = vector("one two")


def answer(kind, document, fault=""):
    """What a container says to a request."""
    return json.loads(CONTAINERS[kind].answer(document, Call("my-endpoint", 1_790_000_000, 7), fault))


def test_every_kind_has_its_container() -> None:
    """The table that names kinds and the one that makes them agree."""
    assert set(CONTAINERS) == set(EMBEDDINGS)


@pytest.mark.parametrize(
    ("kind", "document", "expected"),
    [
        ("tei", {"inputs": "one two"}, [ONE]),
        ("tei", {"inputs": TEXTS, "truncate": True, "normalize": False}, VECTORS),
        ("tei", {"inputs": TEXTS, "prompt_name": "query", "truncation_direction": "Left"}, VECTORS),
        ("tei", {"inputs": TEXTS, "dimensions": 3}, [numbers[:3] for numbers in VECTORS]),
        ("tei", {"inputs": "one two", "model": "ignored"}, [ONE]),
        ("lmi-embedding", {"inputs": "one two"}, ONE),
        ("lmi-embedding", {"inputs": ["one two"]}, [ONE]),
        ("lmi-embedding", {"inputs": TEXTS}, VECTORS),
        ("jumpstart-embedding", {"text_inputs": "one two"}, {"embedding": [ONE]}),
        ("jumpstart-embedding", {"text_inputs": TEXTS, "mode": "embedding"}, {"embedding": VECTORS}),
        ("hf-embedding", {"inputs": []}, []),
    ],
    ids=str,
)
def test_shapes(kind, document, expected) -> None:
    """Lists of vectors, in the form in which each container gives them."""
    assert answer(kind, document) == expected


def test_hugging_face_gives_a_vector_for_each_token() -> None:
    """A string has one batch of one, a list a batch of one for each; a text's vector is the mean of its tokens."""
    (single,) = answer("hf-embedding", {"inputs": "one two"})
    listed = answer("hf-embedding", {"inputs": TEXTS})
    assert [len(batch) for batch in listed] == [1, 1]
    assert [len(batch[0]) for batch in listed] == [4, 3]
    assert listed[0][0] == single
    for (tokens,), text in zip(listed, TEXTS, strict=True):
        assert [statistics.fmean(numbers) for numbers in zip(*tokens, strict=True)] == vector(text)


def test_vllm_answers_in_openais_shape() -> None:
    """With the index of each, the usage, and the endpoint's name for the model."""
    made = CreateEmbeddingResponse.model_validate(answer("vllm-embedding", {"input": TEXTS}))
    assert [item.embedding for item in made.data] == VECTORS
    assert [item.index for item in made.data] == [0, 1]
    assert (made.model, made.usage.prompt_tokens, made.usage.total_tokens) == ("my-endpoint", 3, 3)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"input": "one two", "model": ""}, [ONE]),
        ({"input": "one two", "model": "my-endpoint", "encoding_format": "float", "user": "x"}, [ONE]),
        ({"input": TEXTS, "dimensions": 2}, [numbers[:2] for numbers in VECTORS]),
        ({"input": [5, 6]}, [vector("5 6")]),
        ({"input": [[5, 6], [7]]}, [vector("5 6"), vector("7")]),
    ],
    ids=str,
)
def test_vllm_takes_what_openai_takes(document, expected) -> None:
    """Strings, token ids, fewer dimensions, and the model's own name or none."""
    assert [item["embedding"] for item in answer("vllm-embedding", document)["data"]] == expected


def test_vllm_gives_base64_when_asked() -> None:
    """Of float32, little-endian, as OpenAI's clients ask for it."""
    made = answer("vllm-embedding", {"input": TEXTS, "encoding_format": "base64"})
    for item, numbers in zip(made["data"], VECTORS, strict=True):
        assert list(struct.unpack("<8f", base64.b64decode(item["embedding"]))) == numbers


REFUSED = {
    "TEI: OpenAI's shape": ("tei", {"input": "x"}, 422, "missing field `inputs`"),
    "TEI: a number": ("tei", {"inputs": 1}, 422, "untagged enum Input"),
    "TEI: truncate": ("tei", {"inputs": "x", "truncate": "yes"}, 422, "truncate"),
    "TEI: direction": ("tei", {"inputs": "x", "truncation_direction": "up"}, 422, "truncation_direction"),
    "TEI: no texts": ("tei", {"inputs": []}, 400, '"error_type":"Empty"'),
    "TEI: an empty text": ("tei", {"inputs": ["x", ""]}, 413, "`inputs` cannot be empty"),
    "TEI: a large batch": ("tei", {"inputs": ["x"] * 33}, 413, "batch size 33 > maximum allowed batch size 32"),
    "TEI: a long text": ("tei", {"inputs": "x " * 513, "truncate": False}, 413, "Given: 513"),
    "TEI: a prompt": ("tei", {"inputs": "x", "prompt_name": "no"}, 413, "`no` not found"),
    "TEI: dimensions": ("tei", {"inputs": "x", "dimensions": 9}, 413, "dimensions"),
    "LMI: OpenAI's shape": ("lmi-embedding", {"input": "x"}, 400, "TranslateException"),
    "LMI: no texts": ("lmi-embedding", {"inputs": []}, 400, "Input data is empty."),
    "LMI: numbers": ("lmi-embedding", {"inputs": [1]}, 400, "TranslateException"),
    "toolkit: OpenAI's shape": ("hf-embedding", {"input": "x"}, 400, "InternalServerException"),
    "toolkit: numbers": ("hf-embedding", {"inputs": [1]}, 400, "List[str]"),
    "JumpStart: inputs": ("jumpstart-embedding", {"inputs": "x"}, 400, "text_inputs"),
    "JumpStart: mode": ("jumpstart-embedding", {"text_inputs": "x", "mode": "nn_corpus"}, 400, "mode"),
    "vLLM: inputs": ("vllm-embedding", {"inputs": "x"}, 400, "Cannot find suitable handler"),
    "vLLM: mixed": ("vllm-embedding", {"input": ["x", 1]}, 400, "Cannot find suitable handler"),
    "vLLM: format": ("vllm-embedding", {"input": "x", "encoding_format": "hex"}, 400, "Cannot find"),
    "vLLM: dimensions' type": ("vllm-embedding", {"input": "x", "dimensions": "2"}, 400, "Cannot find"),
    "vLLM: no texts": ("vllm-embedding", {"input": []}, 400, "at least one"),
    "vLLM: dimensions": ("vllm-embedding", {"input": "x", "dimensions": 9}, 400, "Dimensions"),
    "vLLM: model": ("vllm-embedding", {"input": "x", "model": "other"}, 404, "`other` does not exist"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_container_refuses_what_it_does_not_take(name) -> None:
    """With the status and the words of its kind."""
    kind, document, status, words = REFUSED[name]
    with pytest.raises(ContainerRefused) as refused:
        answer(kind, document)
    assert refused.value.status == status
    assert words in refused.value.body


def test_tei_takes_what_is_at_its_limits() -> None:
    """A batch of 32, a text of 512 tokens, and a longer one that may be truncated."""
    assert len(answer("tei", {"inputs": ["x"] * 32})) == 32
    assert len(answer("tei", {"inputs": "x " * 512, "truncate": False})) == 1
    assert len(answer("tei", {"inputs": "x " * 513})) == 1


@pytest.mark.parametrize("kind", sorted(CONTAINERS))
def test_a_container_fails_in_its_own_words(kind) -> None:
    """As a 200 whose document holds no vector, but an error."""
    bodies = {
        "tei": {"inputs": "x"},
        "vllm-embedding": {"input": "x"},
        "voyage": {"input": "x"},
        "jumpstart-embedding": {"text_inputs": "x"},
        "cohere": {"texts": ["x"], "input_type": "search_query"},
        "jina": {"data": [{"text": "x"}]},
    }
    made = answer(kind, bodies.get(kind, {"inputs": "x"}), "error-200")
    assert made.keys() & {"error", "message", "detail"}
    assert not made.keys() & {"data", "embedding", "embeddings"}


@pytest.mark.parametrize(
    ("kind", "document", "expected"),
    [
        ("lmi-embedding", {"inputs": "x"}, []),
        ("tei", {"inputs": TEXTS}, VECTORS[:1]),
        ("jumpstart-embedding", {"text_inputs": TEXTS}, {"embedding": VECTORS[:1]}),
    ],
)
def test_a_vector_may_be_missing(kind, document, expected) -> None:
    """Also the only one of a flat answer."""
    assert answer(kind, document, "vector-missing") == expected
