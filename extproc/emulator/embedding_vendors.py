"""Embedding containers of vendors on AWS Marketplace: Cohere, Voyage AI and Jina.

Shapes are those of the vendors' own SageMaker repositories (cohere-ai/cohere-aws, voyage-ai/voyageai-aws,
jina-ai/jina-sagemaker). Of refusals, Cohere's of a missing input_type (cohere-python#614) and Voyage's are as others
quote them; Cohere's other ones and Jina's are in the same shape with words of our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from extproc.emulator.container import ContainerRefused
from extproc.emulator.embeddings import Asked, Call, EmbeddingContainer, texts_of
from extproc.emulator.vectors import DIMENSIONS, as_bits, as_bytes, base64_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FORMS: Mapping[str, Callable[[list[float]], list[Any]]] = {
    "float": list,
    "int8": lambda numbers: as_bytes(numbers, signed=True),
    "uint8": lambda numbers: as_bytes(numbers, signed=False),
    "binary": lambda numbers: as_bits(numbers, signed=True),
    "ubinary": lambda numbers: as_bits(numbers, signed=False),
}
_LONGEST = 2048


def _cohere_refused(message: str) -> ContainerRefused:
    return ContainerRefused.in_own_words(400, {"message": f"invalid request: {message}"})


def _read_cohere(document: dict[str, Any], _: Call) -> Asked:
    found = texts_of(document.get("texts"))
    if found is None or found[1] or not found[0]:
        raise _cohere_refused("valid texts must be provided")
    texts = found[0]
    if len(texts) > 96:
        raise _cohere_refused(f"total number of texts must be at most 96 - received {len(texts)}")
    if document.get("input_type") not in ("search_document", "search_query", "classification", "clustering"):
        raise _cohere_refused("valid input_type must be provided with the provided model")
    if document.get("truncate") not in (None, "NONE", "START", "END"):
        raise _cohere_refused("truncate must be one of NONE, START, END")
    dimensions = document.get("output_dimension")
    if dimensions is not None and (type(dimensions) is not int or not 1 <= dimensions <= _LONGEST):
        raise _cohere_refused(f"output_dimension must be from 1 to {_LONGEST}")
    forms = document.get("embedding_types")
    if forms is None:
        return Asked(texts, dimensions=dimensions or DIMENSIONS, forms=())
    if not isinstance(forms, list) or not forms or not _FORMS.keys() >= set(map(str, forms)):
        raise _cohere_refused(f"embedding_types must be some of {', '.join(_FORMS)}")
    return Asked(texts, dimensions=dimensions or DIMENSIONS, forms=tuple(forms))


def _cohere_item(asked: Asked, index: int) -> Any:
    numbers = asked.vector(index)
    return {form: _FORMS[form](numbers) for form in asked.forms} if asked.forms else numbers


def _cohere_whole(items: list[Any], asked: Asked, call: Call) -> Any:
    by_type = {form: [item[form] for item in items] for form in asked.forms}
    return {
        "id": f"00000000-0000-4000-9000-{call.number:012x}",
        "texts": asked.texts,
        "embeddings": by_type if asked.forms else items,
        "meta": {"api_version": {"version": "1"}, "billed_units": {"input_tokens": asked.tokens}},
        "response_type": "embeddings_by_type" if asked.forms else "embeddings_floats",
    }


def _voyage_refused(what: str) -> ContainerRefused:
    return ContainerRefused.in_own_words(
        400,
        {
            "detail": "The request body is not valid JSON, or some arguments were not specified properly. "
            f"In particular, {what}"
        },
    )


# Argument → what it may be. Voyage's own sample sends truncation as a string.
_VOYAGE_VALUES: Mapping[str, tuple[object, ...]] = {
    "input_type": (None, "query", "document"),
    "truncation": (None, True, False, "true", "false"),
    "output_dtype": (None, *_FORMS),
    "encoding_format": (None, "base64"),
}


def _read_voyage(document: dict[str, Any], _: Call) -> Asked:
    for name, value in document.items():
        if name in _VOYAGE_VALUES:
            allowed = _VOYAGE_VALUES[name]
            if not any(value is one or (isinstance(value, str) and value == one) for one in allowed):
                listed = ", ".join(repr(one) for one in allowed if one is not None)
                raise _voyage_refused(
                    f"Value {value!r} supplied for argument '{name}' is not valid -- accepted values are {listed}"
                )
        elif name not in ("input", "output_dimension"):
            raise _voyage_refused(f"Argument '{name}' is not supported by our API")
    found = texts_of(document.get("input"))
    if found is None or not found[0] or "" in found[0]:
        raise _voyage_refused("Argument 'input' must be a string or a list of strings, none of them empty")
    if len(found[0]) > 1000:
        raise _voyage_refused(f"The batch size limit is 1000. Your batch size is {len(found[0])}.")
    dimensions = document.get("output_dimension")
    if dimensions is not None and (type(dimensions) is not int or not 1 <= dimensions <= _LONGEST):
        raise _voyage_refused(f"Value {dimensions!r} supplied for argument 'output_dimension' is not valid")
    form = document.get("output_dtype") or "float"
    if document.get("encoding_format") == "base64":
        if form != "float":
            raise _voyage_refused("Argument 'encoding_format' goes with output_dtype float alone")
        form = "base64"
    return Asked(*found, dimensions or DIMENSIONS, (form,))


def _voyage_item(asked: Asked, index: int) -> Any:
    numbers = asked.vector(index)
    (form,) = asked.forms
    embedding = base64_of(numbers) if form == "base64" else _FORMS[form](numbers)
    return {"object": "embedding", "embedding": embedding, "index": index}


def _voyage_whole(items: list[Any], asked: Asked, call: Call) -> Any:
    usage = {"total_tokens": asked.tokens}
    return {"object": "list", "data": items, "model": call.endpoint, "usage": usage}


def _jina_refused(what: str) -> ContainerRefused:
    return ContainerRefused.in_own_words(422, {"detail": what})


def _read_jina(document: dict[str, Any], _: Call) -> Asked:
    data, parameters = document.get("data"), document.get("parameters") or {}
    single = isinstance(data, dict)
    rows = [data] if single else data
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise _jina_refused("data: Field required")
    found = texts_of([row.get("text") for row in rows])
    if found is None:
        raise _jina_refused("data.text: Input should be a valid string")
    unknown = parameters.keys() - {"task", "dimensions", "late_chunking", "return_multivector"}
    dimensions = parameters.get("dimensions") or DIMENSIONS
    if unknown or type(dimensions) is not int or not 1 <= dimensions <= _LONGEST:
        raise _jina_refused(f"parameters: {sorted(unknown) or 'dimensions'}: Extra inputs are not permitted")
    return Asked(found[0], single, dimensions)


def _jina_item(asked: Asked, index: int) -> Any:
    return {"object": "embedding", "index": index, "embedding": asked.vector(index)}


def _jina_whole(items: list[Any], asked: Asked, call: Call) -> Any:
    usage = {"prompt_tokens": asked.tokens, "total_tokens": asked.tokens}
    return {"object": "list", "data": items, "model": call.endpoint, "usage": usage}


COHERE = EmbeddingContainer(
    _read_cohere, _cohere_item, _cohere_whole, {"message": "internal server error, this has been reported"}
)
VOYAGE = EmbeddingContainer(_read_voyage, _voyage_item, _voyage_whole, {"detail": "Internal server error."})
JINA = EmbeddingContainer(_read_jina, _jina_item, _jina_whole, {"detail": "Internal Server Error"})
