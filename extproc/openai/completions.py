"""POST /v1/completions, OpenAI's older endpoint: a text goes in, and what follows it comes out.

On the inside an answer is a chat completion's, whose message is the text: so that policies, windows and dialects know
one form only. Here it becomes the client's again.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from extproc.errors import MalformedRequest
from extproc.openai import call as requests
from extproc.openai.call import Call, Fields

if TYPE_CHECKING:
    from extproc.openai.document import Document

KIND = "completion"
PATH = "/v1/completions"
ID_PREFIX = "cmpl-"
# OpenAI's own bound.
MAX_PROMPTS = 2048

_FIELDS: Fields = {
    **requests.GENERATION_FIELDS,
    "logprobs": ("an integer from 0", lambda value: requests.is_integer(value) and value >= 0),
    "echo": ("a boolean", lambda value: isinstance(value, bool)),
    "best_of": ("a positive integer", requests.is_count),
    "suffix": ("a string", lambda value: isinstance(value, str)),
}


def parse(body: bytes) -> Call:
    """Read a completion request.

    Raises:
        MalformedRequest: not JSON, or a field that the gateway acts on is missing or wrong; `param` names it.
    """
    document = requests.parse(body, "prompt", _FIELDS)
    requests.check_texts(document, "prompt", MAX_PROMPTS)
    stream, include_usage = requests.streaming(document)
    call = Call(document["model"], stream, include_usage, document, KIND)
    choices = len(call.texts) * (document.get("n") or 1)
    if stream and choices > requests.MAX_CHOICES:
        raise MalformedRequest(
            f"The request asks for {choices} texts in one stream, and at most {requests.MAX_CHOICES} are streamed.",
            param="prompt",
        )
    return call


def whole(document: Document) -> Document:
    """A whole answer as the client gets it; changes and returns the document."""
    return _told(document, "message")


def chunk(document: Document) -> Document:
    """A chunk of a stream as the client gets it; changes and returns the document."""
    return _told(document, "delta")


def _told(document: Document, field: str) -> Document:
    document["object"] = "text_completion"
    for choice in document["choices"]:
        said = choice.pop(field, None) or {}
        # What else a container put there has been judged like the text, and has no place in this format.
        text = said.get("content")
        logprobs = choice.get("logprobs")
        choice["text"] = text if isinstance(text, str) else ""
        choice["logprobs"] = _older(logprobs) if isinstance(logprobs, dict) else None
        choice.setdefault("finish_reason", None)
    return document


def _older(logprobs: dict[str, Any]) -> dict[str, Any]:
    """A chat's probabilities in the older shape, lists over the tokens; `text_offset` counts from this piece on."""
    content = logprobs.get("content")
    if not isinstance(content, list):
        return logprobs
    tokens = _tokens(content)
    return {
        "tokens": [token["token"] for token in tokens],
        "token_logprobs": [token.get("logprob") for token in tokens],
        "top_logprobs": [
            {top["token"]: top.get("logprob") for top in _tokens(token.get("top_logprobs"))} or None for token in tokens
        ],
        "text_offset": list(accumulate((len(token["token"]) for token in tokens[:-1]), initial=0)) if tokens else [],
    }


def _tokens(listed: Any) -> list[Document]:
    entries = listed if isinstance(listed, list) else ()
    return [token for token in entries if isinstance(token, dict) and isinstance(token.get("token"), str)]
