"""The dialect `format: jumpstart` for embeddings: JumpStart's text embedding models, asked by `text_inputs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from extproc.openai.embeddings import NotVectors
from extproc.sagemaker.embedding import vectors

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.document import Document
    from extproc.routing.targets import Target


def request(call: Call, target: Target) -> bytes:
    """The body for the container.

    Raises:
        UnsupportedParameter: by name, any setting: it has none.
    """
    del target
    return orjson.dumps({"text_inputs": call.document["input"], "mode": "embedding", **vectors.parameters(call, {})})


def response(body: bytes, call: Call, target: Target) -> Document:
    """OpenAI's list out of `{"embedding": ...}`. Raises UpstreamError when it is none."""
    del target

    def read(value: Any) -> tuple[Any, Any]:
        if not isinstance(value, dict):
            raise NotVectors("it is no object")
        return vectors.listed(value.get("embedding"), call), None

    return vectors.answer(body, call, read)
