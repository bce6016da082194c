"""Whether a request fits a target's context: an estimate, since no tokenizer of the model is at hand.

prompt tokens = UTF-8 bytes of all text / 4, + 4 for each message (role and separators), + bytes of the tools' JSON / 4.
Images and audio are not counted, as their cost differs by model. Added to it: the completion tokens asked for. Prompts
of completions and texts to be embedded are answered one by one, so that the longest of them has to fit.

Why bytes/4: measured against cl100k_base it gives 1.15 times the true count for English (median; 0.63 to 1.51 from
the 1st to the 99th percentile), 0.70 for other scripts, where characters/4 gives 0.49 and at worst 0.19. Bytes/3 is a
safer bound, but refuses a third of what would have fit; and what passes here wrongly is still refused by the
container, with the same `context_length_exceeded`. So this check is there to save a hopeless attempt, not to be exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.errors import ContextLengthExceeded, GatewayError
from extproc.openai.escapes import is_document
from extproc.openai.text import ROLES, request_slots

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.document import Document
    from extproc.routing.targets import Target

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


def prompt_tokens(call: Call) -> int:
    """The estimate for all that was sent, in tokens."""
    return sum(_sizes(call))


def _sizes(call: Call) -> list[int]:
    """The estimates for what has to fit each by itself, in tokens."""
    if call.kind != "chat":
        return [-(-_bytes(text) // BYTES_PER_TOKEN) for text in call.texts]
    document = call.document
    size, rest = 0, []
    for message in document["messages"]:
        if _is_plain(message):
            size += _bytes(message["content"])
        else:
            rest.append(message)
    if rest:
        size += sum(_bytes(slot.text.text) for slot in request_slots({"messages": rest}))
    for name in ("tools", "functions"):
        if document.get(name):
            size += len(orjson.dumps(document[name]))
    return [-(-size // BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * len(document["messages"])]


def _is_plain(message: Document) -> bool:
    """Whether a message is nothing but a role and a text that is measured as it stands, as nearly all are."""
    content = message.get("content")
    return len(message) == 2 and type(content) is str and message["role"] in ROLES and not is_document(content)


def completion_tokens(call: Call, target: Target) -> int:
    """The completion tokens asked for: the client's limit, else the target's, else 0."""
    if call.kind == "embedding":
        return 0
    for name in ("max_completion_tokens", "max_tokens"):
        asked: int | None = call.document.get(name)
        if asked is not None:
            return asked
    return target.max_tokens or 0


def longest(call: Call) -> int:
    """The estimate for the longest of what has to fit, in tokens."""
    return max(_sizes(call))


def check(call: Call, target: Target, prompt: int) -> None:
    """Refuse a request that is estimated not to fit the target's context; `prompt` is `longest`.

    Raises:
        ContextLengthExceeded: over `target.max_context_tokens`.
    """
    limit = target.max_context_tokens
    if limit is None:
        return
    completion = completion_tokens(call, target)
    if prompt + completion > limit:
        where, noun = _PLACES[call.kind]
        raise ContextLengthExceeded(
            f"This model's context is {limit} tokens, but this request needs about {prompt + completion} "
            f"({prompt} in {noun}, estimated, and {completion} for the completion). "
            f"Shorten {noun} or ask for fewer completion tokens.",
            param=where,
        )


def locate(error: GatewayError, call: Call) -> None:
    """Name the field at fault in a container's refusal: containers do not, or in their own words."""
    if isinstance(error, ContextLengthExceeded):
        error.param = _PLACES[call.kind][0]


# By the kind of a call: the field at fault, and what it is called.
_PLACES = {
    "chat": ("messages", "the messages"),
    "completion": ("prompt", "the prompt"),
    "embedding": ("input", "a text of the input"),
}


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
