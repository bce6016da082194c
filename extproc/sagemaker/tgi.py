"""The dialect `format: tgi`: Hugging Face's text-generation-inference, asked by `inputs` and `parameters`.

Limits are those of its router/src/validation.rs: temperature over 0, top_p between 0 and 1, at most four stops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.sagemaker import parameters, prompt
from extproc.sagemaker.conversation import unsupported
from extproc.sagemaker.generation import response, stream

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.document import Document
    from extproc.routing.targets import Target

__all__ = ["request", "response", "stream"]


def request(call: Call, target: Target) -> bytes:
    """The body for the container: the prompt first, what varies between callers of the same prompt last.

    Raises:
        UnsupportedParameter: by name, what TGI's generate cannot express.
    """
    parameters.check(call, "tgi")
    knobs: Document = {"return_full_text": False, "details": True, **parameters.drawing(call, target)}
    knobs |= parameters.own(call, "top_k", "typical_p", "repetition_penalty", "truncate", "watermark", "adapter_id")
    if call.document.get("frequency_penalty"):
        knobs["frequency_penalty"] = call.document["frequency_penalty"]
    seed = call.document.get("seed")
    if seed is not None:
        # An unsigned number there; any fixed mapping of seeds makes answers repeatable.
        knobs["seed"] = seed & 0xFFFF_FFFF_FFFF_FFFF
    name = "logprobs" if call.kind == "completion" else "top_logprobs"
    top = call.document.get(name)
    if top:
        if type(top) is not int or not 0 < top <= parameters.MAX_TOP_LOGPROBS or call.logprobs is None:
            raise unsupported(name, f"1 to {parameters.MAX_TOP_LOGPROBS}, together with logprobs, is allowed")
        knobs["top_n_tokens"] = top
    # The client's first: every one of them, and of the template's, is also enforced on the answer.
    stops = (*parameters.stops(call), *prompt.stops(call, target))[: parameters.MAX_STOPS]
    if stops:
        knobs["stop"] = list(stops)
    body: Document = {"inputs": prompt.of(call, target), "parameters": knobs}
    if call.stream:
        body["stream"] = True
    return orjson.dumps(body)
