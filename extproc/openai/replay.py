"""A whole answer as the stream that was asked for: from targets that can only answer whole.

The answer has been judged as a whole; these are its chunks as a container would have sent them, in as few as can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.openai.document import Document

# What every chunk of an answer says alike. Anything else beside the choices comes with the first.
_ENVELOPE = ("id", "created", "model", "system_fingerprint", "service_tier")
_FIRST = frozenset({"role", "content"})


def replay(document: Document, *, include_usage: bool) -> Iterator[Document]:
    """The chunks of a chat completion: for each choice its message, then its finish; the usage when it was asked for.

    Args:
        document: the completion, in OpenAI's format; not changed.
        include_usage: whether the client set `stream_options.include_usage`.
    """
    envelope = {name: document[name] for name in _ENVELOPE if name in document}
    envelope["object"] = "chat.completion.chunk"
    more = {name: value for name, value in document.items() if name not in (*envelope, "choices", "usage")}
    # A client that asked for usage is told that it comes later: OpenAI sends null in every other chunk.
    pending = {"usage": None} if include_usage else {}
    for choice in document["choices"]:
        rest = {name: value for name, value in choice.items() if name not in ("message", "finish_reason")}
        said = {**rest, "delta": _delta(choice["message"]), "finish_reason": None}
        yield {**envelope, **more, **pending, "choices": [said]}
        more = {}
        finish = {"index": choice["index"], "delta": {}, "finish_reason": choice.get("finish_reason") or "stop"}
        yield {**envelope, **pending, "choices": [finish]}
    if include_usage and document.get("usage") is not None:
        yield {**envelope, "choices": [], "usage": document["usage"]}


def _delta(message: Document) -> Document:
    delta = {name: value for name, value in message.items() if value is not None or name in _FIRST}
    calls = delta.get("tool_calls")
    if calls:
        # A stream says which call a piece belongs to.
        delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(calls)]
    return delta
