"""The dialect `format: lmi` for embeddings: AWS's Large Model Inference container (djl-serving), asked by `inputs`.

Of one text it answers with the vector alone, of a list with a list (the Rust and ONNX translators), or always with a
list (the vLLM handler).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.sagemaker.embedding import vectors
from extproc.sagemaker.embedding.tei import response

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.routing.targets import Target

__all__ = ["request", "response"]


def request(call: Call, target: Target) -> bytes:
    """The body for the container.

    Raises:
        UnsupportedParameter: by name, any setting: it has none.
    """
    del target
    return orjson.dumps({"inputs": call.document["input"], **vectors.parameters(call, {})})
