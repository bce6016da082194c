"""The dialect `format: voyage`: Voyage AI's models on SageMaker. OpenAI's form, with settings of their own names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.sagemaker.embedding import vectors
from extproc.sagemaker.embedding.openai import response

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.routing.targets import Target

__all__ = ["request", "response"]

_NAMES = {
    "input_type": "input_type",
    "truncation": "truncation",
    "dimensions": "output_dimension",
    "output_dimension": "output_dimension",
    "output_dtype": "output_dtype",
}


def request(call: Call, target: Target) -> bytes:
    """The body for the container: the texts first.

    Raises:
        UnsupportedParameter: by name, what Voyage's API has no place for.
    """
    vectors.only_floats(call, "output_dtype")
    settings = vectors.parameters(call, _NAMES)
    if target.input_type is not None:
        settings.setdefault("input_type", target.input_type)
    return orjson.dumps({"input": call.document["input"], **settings})
