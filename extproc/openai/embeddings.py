"""POST /v1/embeddings: texts go in, vectors come out, as numbers or as base64.

Both SDKs ask for base64 when their user says nothing, and the one for Node.js decodes whatever comes (measured with
6.49.0): what was asked for is what has to come, whatever a container answers with.
"""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from math import isfinite
from typing import TYPE_CHECKING, Any

from extproc.errors import MalformedRequest
from extproc.openai import call as requests
from extproc.openai.call import Call, Fields

if TYPE_CHECKING:
    from extproc.openai.document import Document

KIND = "embedding"
PATH = "/v1/embeddings"
# OpenAI's own bound.
MAX_INPUTS = 2048

_FIELDS: Fields = {
    "encoding_format": ("'float' or 'base64'", lambda value: value in ("float", "base64")),
    "dimensions": ("a positive integer", requests.is_count),
}

Vector = list[int | float]


class NotVectors(ValueError):
    """What came is not one vector of numbers for each text. The text says what is wrong, and never quotes it."""


def parse(body: bytes) -> Call:
    """Read an embedding request.

    Raises:
        MalformedRequest: not JSON, or a field that the gateway acts on is missing or wrong; `param` names it.
    """
    document = requests.parse(body, "input", _FIELDS)
    requests.check_texts(document, "input", MAX_INPUTS)
    if document.get("stream"):
        raise MalformedRequest("Embeddings are not streamed; send the request without 'stream'.", param="stream")
    call = Call(document["model"], False, False, document, KIND)
    if "" in call.texts:
        raise MalformedRequest("'input' has an empty text, which has no embedding.", param="input")
    return call


def answer(vectors: Any, call: Call, usage: Document) -> Document:
    """The answer to a call, made of vectors in the order of its texts: nothing but numbers goes into it.

    Args:
        vectors: a list of lists of numbers, or of texts: base64 of little-endian float32.
        call: says in which of both the client wants them.
        usage: `prompt_tokens` and `total_tokens`.

    Raises:
        NotVectors: too few, too many, or not all of one length; or one of them is neither.
    """
    if not isinstance(vectors, list):
        raise NotVectors("no list of vectors")
    if len(vectors) != len(call.texts):
        raise NotVectors(f"{len(vectors)} vectors for {len(call.texts)} texts")
    wanted = _as_base64 if call.document.get("encoding_format") == "base64" else _as_numbers
    numbers = [_numbers(vector) for vector in vectors]
    if len({len(vector) for vector in numbers}) != 1:
        raise NotVectors("vectors of different lengths")
    data = [{"object": "embedding", "index": at, "embedding": wanted(vector)} for at, vector in enumerate(numbers)]
    return {"object": "list", "data": data, "model": call.model, "usage": usage}


def _numbers(vector: Any) -> Vector:
    if isinstance(vector, str):
        vector = _decoded(vector)
    # Sets and maps rather than loops: an answer may hold millions of numbers.
    if not isinstance(vector, list) or not vector or not {*map(type, vector)} <= {int, float}:
        raise NotVectors("a vector that is no list of numbers")
    if not all(map(isfinite, vector)):
        raise NotVectors("a number that is not finite")
    return vector


def _decoded(text: str) -> list[float]:
    try:
        packed = b64decode(text, validate=True)
        return list(struct.unpack(f"<{len(packed) // 4}f", packed))
    except (ValueError, struct.error):
        raise NotVectors("a vector that is no base64 of float32") from None


def _as_numbers(vector: Vector) -> Vector:
    return vector


def _as_base64(vector: Vector) -> str:
    try:
        return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (OverflowError, struct.error):
        raise NotVectors("a number that is no float32") from None
