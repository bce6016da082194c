"""The dialect `format: cohere`: Cohere's Embed models on SageMaker.

Since version 3 they want to know what the texts are for: the client's `input_type`, else the target's, else documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from extproc.openai.embeddings import NotVectors
from extproc.sagemaker.embedding import vectors

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.document import Document
    from extproc.routing.targets import Target

_NAMES = {
    "input_type": "input_type",
    "truncate": "truncate",
    "dimensions": "output_dimension",
    "output_dimension": "output_dimension",
    "embedding_types": "embedding_types",
}
_DEFAULT_INPUT_TYPE = "search_document"


def request(call: Call, target: Target) -> bytes:
    """The body for the container: the texts first.

    Raises:
        UnsupportedParameter: by name, what Cohere's API has no place for.
    """
    vectors.only_floats(call, "embedding_types")
    settings = vectors.parameters(call, _NAMES)
    settings.setdefault("input_type", target.input_type or _DEFAULT_INPUT_TYPE)
    return orjson.dumps({"texts": call.texts, **settings})


def response(body: bytes, call: Call, target: Target) -> Document:
    """OpenAI's list out of either of Cohere's forms. Raises UpstreamError when it is neither."""
    del target
    return vectors.answer(body, call, _read)


def _read(value: Any) -> tuple[Any, Any]:
    if not isinstance(value, dict):
        raise NotVectors("it is no object")
    found = value.get("embeddings")
    meta = value.get("meta")
    billed = meta.get("billed_units") if isinstance(meta, dict) else None
    told = billed.get("input_tokens") if isinstance(billed, dict) else None
    # By type, when types were asked for.
    return found.get("float") if isinstance(found, dict) else found, told
