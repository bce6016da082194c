"""The dialect `format: tei`: Hugging Face's text-embeddings-inference, whose /invocations is its own /embed.

Sources: its router/src/http/{server,types}.rs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.sagemaker.embedding import vectors

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.document import Document
    from extproc.routing.targets import Target

_NAMES = {name: name for name in ("truncate", "truncation_direction", "normalize", "prompt_name", "dimensions")}


def request(call: Call, target: Target) -> bytes:
    """The body for the container: the texts first.

    Raises:
        UnsupportedParameter: by name, what TEI has no place for.
    """
    del target
    return orjson.dumps({"inputs": call.document["input"], **vectors.parameters(call, _NAMES)})


def response(body: bytes, call: Call, target: Target) -> Document:
    """OpenAI's list out of a bare list of vectors. Raises UpstreamError when it is none."""
    del target
    return vectors.answer(body, call, lambda value: (vectors.listed(value, call), None))
