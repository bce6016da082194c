"""The frame around an answer's text, held to OpenAI's format.

Whatever stands where an id, a count or a reason belongs and does not look like one is dropped: no policy reads these
fields, so nothing but structure may travel in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from extproc.openai.shape import is_name

if TYPE_CHECKING:
    from extproc.openai.document import Document

_NAMES = ("id", "system_fingerprint", "service_tier")
# Nearly every usage is these, each of which is a name.
_COUNTED = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
# What `usage.estimated` may name: the counts that a dialect had to guess, because its container reports none.
_ESTIMATED = ("prompt_tokens", "completion_tokens")


def envelope(document: Document, kind: str, model: str) -> None:
    """Settle the fields of an answer or a chunk beside its choices. `kind` is its `object`."""
    for name in _NAMES:
        value = document.get(name)
        if value is not None and not (type(value) is str and is_name(value)):
            del document[name]
    if "created" in document and type(document["created"]) not in (int, float):
        del document["created"]
    if "usage" in document:
        document["usage"] = _counts(document["usage"])
    document["object"] = kind
    document["model"] = model


def choice(part: Document, at: int) -> None:
    """Settle the fields of a choice, or of a chunk's part of one, beside its message; `at` is its position."""
    if "index" in part and type(part["index"]) is not int:
        part["index"] = at
    reason = part.get("finish_reason")
    if reason and not (type(reason) is str and is_name(reason)):
        # The choice has ended, and who ended it so speaks another language.
        part["finish_reason"] = "stop"
    if "token_ids" in part and not _are_integers(part["token_ids"]):
        part["token_ids"] = None


def calls(message: Document) -> None:
    """Settle the calls in a message or a delta: arguments are a string of JSON, as some containers forget."""
    listed = message.get("tool_calls")
    if listed is None and message.get("function_call") is None:
        return
    functions = [call.get("function") for call in listed if type(call) is dict] if type(listed) is list else []
    for function in (*functions, message.get("function_call")):
        if type(function) is dict and type(function.get("arguments", "")) not in (str, type(None)):
            function["arguments"] = orjson.dumps(function["arguments"]).decode()


def _counts(value: Any) -> Any:
    """Numbers by name, whatever their nesting, and which of them are estimates; everything else is left out."""
    if type(value) is not dict:
        return None
    return {
        name: _counts(inner) if type(inner) is dict else inner
        for name, inner in value.items()
        if (name in _COUNTED or is_name(name))
        and (inner is None or type(inner) in (int, float, bool, dict) or _estimated(name, inner))
    }


def _estimated(name: str, value: Any) -> bool:
    return name == "estimated" and type(value) is list and all(item in _ESTIMATED for item in value)


def _are_integers(value: Any) -> bool:
    return value is None or (type(value) is list and all(type(item) is int for item in value))
