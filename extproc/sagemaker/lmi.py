"""The dialect `format: lmi`: AWS's Large Model Inference container (djl-serving), asked by `inputs` and `parameters`.

One request serves its two handlers: the rolling batch reads `stop_sequences` and, up to release 0.31, samples only
with `do_sample`; the asynchronous handler reads `stop`, and ignores what it does not know.
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
        UnsupportedParameter: by name, what not both handlers can express.
    """
    parameters.check(call, "lmi")
    if call.logprobs:
        raise unsupported("logprobs", "it tells the probability of the chosen token only: 0 is allowed")
    knobs: Document = {"return_full_text": False, "details": True, **parameters.drawing(call, target)}
    knobs |= parameters.own(
        call, "top_k", "min_p", "repetition_penalty", "ignore_eos_token", "skip_special_tokens", "seed"
    )
    for name in ("presence_penalty", "frequency_penalty"):
        if call.document.get(name):
            knobs[name] = call.document[name]
    stops = [*parameters.stops(call), *prompt.stops(call, target)]
    if stops:
        knobs["stop"] = knobs["stop_sequences"] = stops
    body: Document = {"inputs": prompt.of(call, target), "parameters": knobs}
    if call.stream:
        body["stream"] = True
    return orjson.dumps(body)
