"""The dialect `format: bedrock-marketplace`: containers set up for Bedrock's marketplace, with Bedrock's field names.

The answer is wrapped, `{"body": {"generation", ...}, "metering": ...}`. Whether it streams follows from the operation,
not from the body (djl-serving three_p/three_p_utils.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.sagemaker import parameters, prompt
from extproc.sagemaker.generation import response, stream

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.document import Document
    from extproc.routing.targets import Target

__all__ = ["request", "response", "stream"]


def request(call: Call, target: Target) -> bytes:
    """The body for the container.

    Raises:
        UnsupportedParameter: by name, what Bedrock's format cannot express.
    """
    parameters.check(call, "bedrock-marketplace")
    drawn = parameters.sampling(call, target)
    body: Document = {"prompt": prompt.of(call, target), "max_gen_len": drawn.max_new_tokens}
    if drawn.greedy or drawn.temperature is not None:
        body["temperature"] = drawn.temperature or 0
    # Left out, it would be 0.9, which is neither the client's wish nor OpenAI's default.
    body["top_p"] = 1 if drawn.top_p is None else drawn.top_p
    return orjson.dumps(body)
