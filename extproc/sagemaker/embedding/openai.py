"""The dialect `format: openai` for embeddings: vLLM's pooling models, and whatever else has OpenAI's form.

Numbers are asked for, never base64, which not all of them know; what the client wants is made here.
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

# vLLM answers 404 to a model name that is not its own: the client's is never sent.
_OMITTED = frozenset({"model", "encoding_format"})


def request(call: Call, target: Target) -> bytes:
    """The body for the container: the texts first, everything else as it came."""
    fields = {name: value for name, value in call.document.items() if name not in _OMITTED and value is not None}
    named = {} if target.upstream_model is None else {"model": target.upstream_model}
    return orjson.dumps({"input": fields.pop("input"), **fields, **named})


def response(body: bytes, call: Call, target: Target) -> Document:
    """OpenAI's list, its vectors in the order of their `index`. Raises UpstreamError when it is none."""
    del target
    return vectors.answer(body, call, _read)


def _read(value: Any) -> tuple[Any, Any]:
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise NotVectors("it has no list of embeddings")
    if any("index" in entry for entry in data):
        try:
            data = sorted(data, key=lambda entry: entry["index"])
        except (KeyError, TypeError):
            raise NotVectors("an embedding without an index among others") from None
        if [entry["index"] for entry in data] != list(range(len(data))):
            raise NotVectors("the indices of its embeddings are not 0, 1, 2 and so on")
    usage = value.get("usage")
    told = usage if isinstance(usage, dict) else {}
    # Voyage tells the total only; there is nothing but the prompt in it.
    return [entry.get("embedding") for entry in data], told.get("prompt_tokens", told.get("total_tokens"))
