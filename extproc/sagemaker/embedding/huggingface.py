"""The dialect `format: huggingface`: Hugging Face's inference toolkit, whose feature extraction answers by tokens.

A text's vector is made of its tokens' here, by the target's `pooling`. Models of sentence-transformers have theirs
pooled by the toolkit, in `embeddings`.
Source: huggingface/huggingface-inference-toolkit and transformers' FeatureExtractionPipeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from extproc.openai.embeddings import NotVectors
from extproc.sagemaker.embedding import vectors

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.document import Document
    from extproc.routing.targets import Target


def request(call: Call, target: Target) -> bytes:
    """The body for the container.

    Raises:
        UnsupportedParameter: by name, any setting but `truncate`.
    """
    del target
    body: Document = {"inputs": call.document["input"]}
    settings = vectors.parameters(call, {"truncate": "truncation"})
    if settings:
        body["parameters"] = settings
    return orjson.dumps(body)


def response(body: bytes, call: Call, target: Target) -> Document:
    """OpenAI's list, of pooled vectors. Raises UpstreamError when it is no answer."""

    def read(value: Any) -> tuple[Any, Any]:
        if isinstance(value, dict):
            return vectors.listed(value.get("embeddings"), call), None
        if not isinstance(value, list):
            raise NotVectors("no list of vectors")
        return [_pooled(tokens, target.pooling) for tokens in value], None

    return vectors.answer(body, call, read)


def _pooled(tokens: Any, pooling: str) -> Any:
    """One text's vector out of its tokens'; a batch of one around them is taken off."""
    while isinstance(tokens, list) and len(tokens) == 1 and isinstance(tokens[0], list):
        tokens = tokens[0]
    if not isinstance(tokens, list) or not tokens or not isinstance(tokens[0], list):
        # One vector already, or nothing that is one: whoever checks it will tell.
        return tokens
    if pooling == "cls":
        return tokens[0]
    try:
        # Every token counts: a text by itself is not padded.
        return [sum(column) / len(tokens) for column in zip(*tokens, strict=True)]
    except (TypeError, ValueError, OverflowError):
        raise NotVectors("tokens whose vectors are no lists of numbers of one length") from None
