"""The dialect `format: jina`: Jina AI's models on SageMaker. An object for each text; OpenAI's form comes back.

Source: jina-ai/jina-sagemaker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.sagemaker.embedding import vectors
from extproc.sagemaker.embedding.openai import response

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.document import Document
    from extproc.routing.targets import Target

__all__ = ["request", "response"]

_NAMES = {name: name for name in ("task", "dimensions", "late_chunking")}


def request(call: Call, target: Target) -> bytes:
    """The body for the container: the texts first.

    Raises:
        UnsupportedParameter: by name, what Jina's models have no place for.
    """
    settings = vectors.parameters(call, _NAMES)
    if target.input_type is not None:
        settings.setdefault("task", target.input_type)
    body: Document = {"data": [{"text": text} for text in call.texts]}
    if settings:
        body["parameters"] = settings
    return orjson.dumps(body)
