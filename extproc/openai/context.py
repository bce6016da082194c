"""Whether a request fits a target's context: an estimate, since no tokenizer of the model is at hand.

prompt tokens = UTF-8 bytes of all text / 4, + 4 for each message (role and separators), + bytes of the tools' JSON / 4.
Images and audio are not counted, as their cost differs by model. Added to it: the completion tokens asked for.

Why bytes/4: measured against cl100k_base it gives 1.15 times the true count for English (median; 0.63 to 1.51 from
the 1st to the 99th percentile), 0.70 for other scripts, where characters/4 gives 0.49 and at worst 0.19. Bytes/3 is a
safer bound, but refuses a third of what would have fit; and what passes here wrongly is still refused by the
container, with the same `context_length_exceeded`. So this check is there to save a hopeless attempt, not to be exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.errors import ContextLengthExceeded
from extproc.openai.text import request_slots

if TYPE_CHECKING:
    from extproc.openai.chat import ChatCall
    from extproc.routing.targets import Target

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


def prompt_tokens(call: ChatCall) -> int:
    """The estimate for the prompt, in tokens."""
    document = call.document
    size = sum(_bytes(slot.text.text) for slot in request_slots({"messages": document["messages"]}))
    for name in ("tools", "functions"):
        if document.get(name):
            size += len(orjson.dumps(document[name]))
    return -(-size // BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * len(document["messages"])


def completion_tokens(call: ChatCall, target: Target) -> int:
    """The completion tokens asked for: the client's limit, else the target's, else 0."""
    for name in ("max_completion_tokens", "max_tokens"):
        asked: int | None = call.document.get(name)
        if asked is not None:
            return asked
    return target.max_tokens or 0


def check(call: ChatCall, target: Target) -> None:
    """Refuse a request that is estimated not to fit the target's context.

    Raises:
        ContextLengthExceeded: over `target.max_context_tokens`.
    """
    limit = target.max_context_tokens
    if limit is None:
        return
    prompt, completion = prompt_tokens(call), completion_tokens(call, target)
    if prompt + completion > limit:
        raise ContextLengthExceeded(
            f"This model's context is {limit} tokens, but this request needs about {prompt + completion} "
            f"({prompt} in the messages, estimated, and {completion} for the completion). "
            "Shorten the messages or ask for fewer completion tokens.",
            param="messages",
        )


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
