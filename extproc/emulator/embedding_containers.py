"""Embedding containers that anyone can deploy, and the table of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from extproc.emulator import embedding_vendors, schemas
from extproc.emulator.container import ContainerRefused
from extproc.emulator.embeddings import Asked, Call, EmbeddingContainer, texts_of
from extproc.emulator.vectors import DIMENSIONS, base64_of, token_vectors, tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEI_BATCH, _TEI_TOKENS = 32, 512


def _tei_refused(status: int, kind: str, error: str) -> ContainerRefused:
    return ContainerRefused.in_own_words(status, {"error": error, "error_type": kind})


def _tei_misread(field: str, what: str) -> ContainerRefused:
    # Refused before TEI's own code is reached, by its web framework: a text, and no JSON.
    return ContainerRefused.in_own_words(
        422, f"Failed to deserialize the JSON body into the target type: {field}{what}"
    )


_TEI_TYPES: Mapping[str, tuple[type, ...]] = {
    "truncate": (bool, type(None)),
    "normalize": (bool,),
    "prompt_name": (str, type(None)),
}


def _read_tei(document: dict[str, Any], _: Call) -> Asked:
    """As in text-embeddings-inference's router/src/http: types.rs says what is read, server.rs which status it has."""
    if "inputs" not in document:
        raise _tei_misread("", "missing field `inputs`")
    found = texts_of(document["inputs"])
    if found is None:
        raise _tei_misread("inputs: ", "data did not match any variant of untagged enum Input")
    for name, types in _TEI_TYPES.items():
        if name in document and not isinstance(document[name], types):
            raise _tei_misread(f"{name}: ", f"invalid type, expected {types[0].__name__}")
    if document.get("truncation_direction", "Right") not in ("Left", "Right", "left", "right"):
        raise _tei_misread("truncation_direction: ", "unknown variant, expected `left` or `right`")
    texts, single = found
    if not texts:
        raise _tei_refused(400, "Empty", "`inputs` cannot be empty")
    if len(texts) > _TEI_BATCH:
        # 413 in server.rs, and as users meet it (coze-dev/coze-studio#455).
        raise _tei_refused(413, "Validation", f"batch size {len(texts)} > maximum allowed batch size {_TEI_BATCH}")
    for text in texts:
        if not text:
            raise _tei_refused(413, "Validation", "Input validation error: `inputs` cannot be empty")
        if document.get("truncate") is False and tokens(text) > _TEI_TOKENS:
            raise _tei_refused(
                413,
                "Validation",
                f"Input validation error: `inputs` must have less than {_TEI_TOKENS} tokens. Given: {tokens(text)}",
            )
    prompt = document.get("prompt_name")
    if prompt not in (None, "query", "document"):
        raise _tei_refused(413, "Validation", f"Input validation error: `prompt_name` `{prompt}` not found")
    dimensions = document.get("dimensions")
    if dimensions is not None and (type(dimensions) is not int or not 1 <= dimensions <= DIMENSIONS):
        raise _tei_refused(413, "Validation", f"Input validation error: `dimensions` must be in 1..={DIMENSIONS}")
    return Asked(texts, single, dimensions or DIMENSIONS)


def _number_list(asked: Asked, index: int) -> Any:
    return asked.vector(index)


def _list_of_lists(items: list[Any], _: Asked, __: Call) -> Any:
    return items


def _flat_if_single(items: list[Any], asked: Asked, _: Call) -> Any:
    """One text that is no list gets no list around its item."""
    return (items[0] if items else []) if asked.single else items


def _djl_refused(message: str) -> ContainerRefused:
    return ContainerRefused.in_own_words(400, {"code": 400, "type": "TranslateException", "message": message})


def _read_lmi(document: dict[str, Any], _: Call) -> Asked:
    """As in DJL's TextEmbeddingServingTranslator.java, where one text and a batch of one have different answers."""
    if "inputs" not in document:
        raise _djl_refused('Missing "inputs" in json.')
    found = texts_of(document["inputs"])
    if found is None or not found[0]:
        raise _djl_refused("Input data is empty." if found else "Input is not a string or a list of strings.")
    return Asked(*found)


def _read_hugging_face(document: dict[str, Any], _: Call) -> Asked:
    """As the toolkit's handler_service.py: the pipeline gets `inputs`, or the whole body where there is none."""
    found = texts_of(document.get("inputs", document))
    if found is None:
        raise ContainerRefused.in_own_words(
            400,
            {
                "code": 400,
                "type": "InternalServerException",
                "message": "text input must be of type `str` (single example), `List[str]` (batch or single "
                "pretokenized example) or `List[List[str]]` (batch of pretokenized examples).",
            },
        )
    return Asked(*found)


def _hugging_face_item(asked: Asked, index: int) -> Any:
    """The hidden states of a batch of one: transformers' pipelines/feature_extraction.py gives out the whole tensor.

    So a string's answer is [1][tokens][numbers], and a list's [texts][1][tokens][numbers].
    """
    return [token_vectors(asked.texts[index])]


def _read_jumpstart(document: dict[str, Any], _: Call) -> Asked:
    """As the notebooks of JumpStart's text embedding models call them; the refusals are worded here."""
    found = texts_of(document.get("text_inputs"))
    if found is None or not found[0]:
        raise ContainerRefused.in_own_words(400, {"error": "text_inputs must be a string or a list of strings"})
    if document.get("mode", "embedding") != "embedding":
        raise ContainerRefused.in_own_words(400, {"error": "mode: no training data was given"})
    return Asked(*found)


def _read_vllm(document: dict[str, Any], call: Call) -> Asked:
    """As vLLM's EmbeddingCompletionRequest; token ids are texts of numbers."""
    given = document.get("input")
    found = texts_of(given)
    if found is None and isinstance(given, list):
        rows = given if isinstance(given[0], list) else [given]
        if all(isinstance(row, list) and row and all(type(number) is int for number in row) for row in rows):
            found = tuple(" ".join(map(str, row)) for row in rows), rows is not given
    form = document.get("encoding_format", "float")
    dimensions = document.get("dimensions")
    if found is None or form not in ("float", "base64") or type(dimensions) not in (int, type(None)):
        raise schemas.no_handler(["EmbeddingRequest", "PoolingRequest"])
    if document.get("model") not in (None, "", call.endpoint):
        said = f"The model `{document['model']}` does not exist."
        error = {"message": said, "type": "NotFoundError", "param": "model", "code": 404}
        raise ContainerRefused.in_own_words(404, {"error": error})
    if not found[0]:
        raise ContainerRefused(400, "You must provide at least one input.")
    if dimensions is not None and not 1 <= dimensions <= DIMENSIONS:
        raise ContainerRefused(400, f"Dimensions must be between 1 and {DIMENSIONS}, got {dimensions}.")
    return Asked(*found, dimensions or DIMENSIONS, (form,))


def _vllm_item(asked: Asked, index: int) -> Any:
    numbers = asked.vector(index)
    return {
        "index": index,
        "object": "embedding",
        "embedding": base64_of(numbers) if asked.forms == ("base64",) else numbers,
    }


def _vllm_whole(items: list[Any], asked: Asked, call: Call) -> Any:
    usage = {"prompt_tokens": asked.tokens, "total_tokens": asked.tokens, "completion_tokens": 0}
    return {
        "id": f"embd-{call.number:032x}",
        "object": "list",
        "created": call.created,
        "model": call.endpoint,
        "data": items,
        "usage": {**usage, "prompt_tokens_details": None},
    }


_DJL_FAILED = {"code": 500, "type": "InternalServerException", "message": "Worker died."}
_VLLM_FAILED = {"message": "EngineCore encountered an issue.", "type": "InternalServerError", "param": None}

CONTAINERS: Mapping[str, EmbeddingContainer] = {
    "tei": EmbeddingContainer(
        _read_tei, _number_list, _list_of_lists, {"error": "Inference failed", "error_type": "Backend"}
    ),
    "lmi-embedding": EmbeddingContainer(_read_lmi, _number_list, _flat_if_single, _DJL_FAILED),
    "hf-embedding": EmbeddingContainer(_read_hugging_face, _hugging_face_item, _flat_if_single, _DJL_FAILED),
    "vllm-embedding": EmbeddingContainer(_read_vllm, _vllm_item, _vllm_whole, {"error": {**_VLLM_FAILED, "code": 500}}),
    "jumpstart-embedding": EmbeddingContainer(
        _read_jumpstart,
        _number_list,
        lambda items, _asked, _call: {"embedding": items},
        {"error": "prediction failed"},
    ),
    "cohere": embedding_vendors.COHERE,
    "voyage": embedding_vendors.VOYAGE,
    "jina": embedding_vendors.JINA,
}
