"""The dialect `format: lmi-dynamic-batch`: LMI's and DeepSpeed's older handlers, which batch before they generate.

They hand every parameter to the model's own `generate`, which fails on one that it does not know: no details, no
stop sequences, no seed. Whether they stream is the container's setting (`enable_streaming`), not the request's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.sagemaker import parameters, prompt
from extproc.sagemaker.generation import response, stream

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.routing.targets import Target

__all__ = ["request", "response", "stream"]


def request(call: Call, target: Target) -> bytes:
    """The body for the container.

    Raises:
        UnsupportedParameter: by name, what the handlers cannot express.
    """
    parameters.check(call, "lmi-dynamic-batch")
    knobs = {**parameters.drawing(call, target), **parameters.own(call, "top_k", "repetition_penalty")}
    return orjson.dumps({"inputs": prompt.of(call, target), "parameters": knobs})
