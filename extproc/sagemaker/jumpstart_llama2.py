"""The dialect `format: jumpstart-llama2`: JumpStart's first Llama 2 chat models, which take a list of dialogs.

The server writes the prompt itself, yet by joining strings: control tokens in a message are broken here as well. On
every call it wants the licence accepted in a custom attribute: the target's `accept_eula`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.sagemaker import parameters, prompt
from extproc.sagemaker.conversation import alternating, turns
from extproc.sagemaker.generation import response, stream
from extproc.sagemaker.templates import TEMPLATES

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.document import Document
    from extproc.routing.targets import Target

__all__ = ["request", "response", "stream"]

# The server divides by the temperature; this is as good as greedy.
_COLDEST = 0.01


def request(call: Call, target: Target) -> bytes:
    """The body for the container: one dialog, its system message first, user and assistant in alternation.

    The base models of the same family take a text instead, and the licence all the same.

    Raises:
        UnsupportedParameter: by name, what the server cannot express.
    """
    parameters.check(call, "jumpstart-llama2")
    drawn = parameters.sampling(call, target)
    knobs: Document = {"max_new_tokens": drawn.max_new_tokens}
    if drawn.top_p is not None:
        knobs["top_p"] = drawn.top_p
    if drawn.greedy or drawn.temperature is not None:
        knobs["temperature"] = drawn.temperature or _COLDEST
    inputs = prompt.of(call, target) if call.kind == "completion" else [_dialog(call)]
    body: Document = {"inputs": inputs, "parameters": knobs}
    if call.stream:
        body["stream"] = True
    return orjson.dumps(body)


def _dialog(call: Call) -> list[Document]:
    harmless = TEMPLATES["llama2"].harmless
    system, talk = alternating(turns(call))
    dialog: list[Document] = [{"role": "system", "content": harmless(system)}] if system else []
    return [*dialog, *({"role": turn.role, "content": harmless(turn.text)} for turn in talk)]
