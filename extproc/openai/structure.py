"""The frame around an answer's text, held to OpenAI's format.

Whatever stands where an id, a count or a reason belongs and does not look like one is dropped: no policy reads these
fields, so nothing but structure may travel in them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from extproc.openai.shape import is_name

if TYPE_CHECKING:
    from extproc.openai.document import Document

_NAMES = ("id", "system_fingerprint", "service_tier")
# What `usage.estimated` may name: the counts that a dialect had to guess, because its container reports none.
_ESTIMATED = ("prompt_tokens", "completion_tokens")

# RFC 8259, section 7. A pair of surrogates is one character; a backslash before anything else is taken as it comes.
_ESCAPES = (
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}",
    r"\\u[0-9a-fA-F]{4}",
    r"\\[^u]",
)
# One that more text may still complete.
_CUT = r"\\(?:u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?)?\Z"
_ESCAPE = re.compile("|".join(_ESCAPES), re.DOTALL)
_ESCAPE_OR_CUT = re.compile("|".join((f"({_CUT})", *_ESCAPES)), re.DOTALL)


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
    functions = [call.get("function") for call in listed if type(call) is dict] if type(listed) is list else []
    for function in (*functions, message.get("function_call")):
        if type(function) is dict and type(function.get("arguments", "")) not in (str, type(None)):
            function["arguments"] = orjson.dumps(function["arguments"]).decode()


def unescaped(arguments: str) -> str:
    r"""JSON without the escapes that it does not need: `alice\u0040example.com` is an address to whoever parses it."""
    return _ESCAPE.sub(_plain, arguments) if "\\" in arguments else arguments


class Unescaping:
    """`unescaped` for text that comes in pieces."""

    __slots__ = ("cut",)

    def __init__(self) -> None:
        # An escape whose end has not come.
        self.cut = ""

    def push(self, piece: str) -> str:
        """The text that is complete with this piece."""
        text = self.cut + piece
        self.cut = ""
        return _ESCAPE_OR_CUT.sub(self._plain, text) if "\\" in text else text

    def finish(self) -> str:
        """What is left of an escape that never ended."""
        rest, self.cut = self.cut, ""
        return unescaped(rest)

    def _plain(self, found: re.Match[str]) -> str:
        if found[1] is None:
            return _plain(found)
        self.cut = found[1]
        return ""


def _plain(found: re.Match[str]) -> str:
    escape = found[0]
    if escape == "\\/":
        return "/"
    if len(escape) > len(r"\u0040"):
        pair: str = orjson.loads(f'"{escape}"')
        return pair
    if len(escape) < len(r"\u0040"):
        return escape
    code = int("0x" + escape[2:], base=0)
    # Control characters, the quote and the backslash need their escape (and so does half of a pair, in UTF-8).
    return escape if code < 0x20 or code in (0x22, 0x5C) or 0xD800 <= code < 0xE000 else chr(code)


def _counts(value: Any) -> Any:
    """Numbers by name, whatever their nesting, and which of them are estimates; everything else is left out."""
    if type(value) is not dict:
        return None
    return {
        name: _counts(inner) if type(inner) is dict else inner
        for name, inner in value.items()
        if is_name(name) and (inner is None or type(inner) in (int, float, bool, dict) or _estimated(name, inner))
    }


def _estimated(name: str, value: Any) -> bool:
    return name == "estimated" and type(value) is list and all(item in _ESTIMATED for item in value)


def _are_integers(value: Any) -> bool:
    return value is None or (type(value) is list and all(type(item) is int for item in value))
