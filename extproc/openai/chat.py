"""A call of POST /v1/chat/completions: as strict about its shape as we need to judge and translate it, no stricter.

Fields that nothing here acts on pass through untouched, whatever they are. What is kept is the parsed document, never
the client's bytes: of a duplicate key the value that was judged is the value that is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extproc.errors import MalformedRequest
from extproc.openai.document import Document, NotADocument, read

if TYPE_CHECKING:
    from collections.abc import Callable

# Longer than any endpoint name (63) or alias; what is longer is no name.
MAX_MODEL_CHARACTERS = 256
# OpenAI's own bound for `n`; each choice of a stream costs windows and memory.
MAX_CHOICES = 128


@dataclass(frozen=True, slots=True)
class ChatCall:
    """One chat request. `document` is the whole request; policies rewrite texts in it in place."""

    model: str
    stream: bool
    include_usage: bool
    document: Document

    @property
    def choices(self) -> int:
        """How many answers were asked for."""
        asked: int | None = self.document.get("n")
        return asked or 1


def parse(body: bytes) -> ChatCall:
    """Read a chat request.

    Raises:
        MalformedRequest: not JSON, or a field that the gateway acts on is missing or wrong; `param` names it.
    """
    try:
        document = read(body)
    except NotADocument as fault:
        raise MalformedRequest(f"The request body could not be read: {fault}. Send one JSON object.") from None
    _check_model(document)
    _check_messages(document)
    for name, (expected, holds) in _FIELDS.items():
        value = document.get(name)
        if value is not None and not holds(value):
            raise _wrong(name, expected, value)
    stream = document.get("stream") or False
    options = document.get("stream_options")
    if options is not None and not stream:
        raise MalformedRequest("'stream_options' has a meaning only when 'stream' is true.", param="stream_options")
    include_usage = (options or {}).get("include_usage")
    if not isinstance(include_usage, bool | None):
        raise _wrong("stream_options.include_usage", "a boolean", include_usage)
    return ChatCall(document["model"], stream, bool(include_usage), document)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_integer(value) and value >= 1


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_stop(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))


# What is expected of a field that is present and not null; null means the same as absent, as with OpenAI.
_FIELDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "stream": ("a boolean", lambda value: isinstance(value, bool)),
    "stream_options": ("an object", lambda value: isinstance(value, dict)),
    "n": (f"an integer from 1 to {MAX_CHOICES}", lambda value: _is_count(value) and value <= MAX_CHOICES),
    "max_tokens": ("a positive integer", _is_count),
    "max_completion_tokens": ("a positive integer", _is_count),
    "temperature": ("a number", _is_number),
    "top_p": ("a number", _is_number),
    "presence_penalty": ("a number", _is_number),
    "frequency_penalty": ("a number", _is_number),
    "seed": ("an integer", _is_integer),
    "stop": ("a string or an array of strings", _is_stop),
    "logprobs": ("a boolean", lambda value: isinstance(value, bool)),
    "tools": ("an array of objects", _is_list_of_objects),
    "functions": ("an array of objects", _is_list_of_objects),
    "tool_choice": ("a string or an object", lambda value: isinstance(value, str | dict)),
    "response_format": ("an object", lambda value: isinstance(value, dict)),
    "prediction": ("an object", lambda value: isinstance(value, dict)),
}

_TYPES: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def _wrong(param: str, expected: str, value: Any) -> MalformedRequest:
    return MalformedRequest(
        f"Invalid value for '{param}': expected {expected}, got {_TYPES[type(value)]}{_shown(value)}.", param=param
    )


def _shown(value: Any) -> str:
    # Only numbers are shown again: a string could be anybody's.
    return f" ({value})" if _is_number(value) else ""


def _missing(param: str) -> MalformedRequest:
    return MalformedRequest(f"Missing required parameter: '{param}'.", param=param)


def _check_model(document: Document) -> None:
    model = document.get("model")
    if model is None:
        raise _missing("model")
    if not isinstance(model, str):
        raise _wrong("model", "a string", model)
    # Control characters would reach logs; nothing with them is a name.
    if not model or len(model) > MAX_MODEL_CHARACTERS or not model.isprintable():
        raise MalformedRequest(
            f"Invalid value for 'model': expected 1 to {MAX_MODEL_CHARACTERS} printable characters.", param="model"
        )


def _check_messages(document: Document) -> None:
    messages = document.get("messages")
    if messages is None:
        raise _missing("messages")
    if not isinstance(messages, list):
        raise _wrong("messages", "an array of messages", messages)
    if not messages:
        raise MalformedRequest("Invalid value for 'messages': expected at least one message.", param="messages")
    for at, message in enumerate(messages):
        if not isinstance(message, dict):
            raise _wrong(f"messages[{at}]", "an object", message)
        role = message.get("role")
        if role is None:
            raise _missing(f"messages[{at}].role")
        if not isinstance(role, str) or not role:
            raise _wrong(f"messages[{at}].role", "a role", role)
        content = message.get("content")
        if not isinstance(content, str | None):
            _check_parts(f"messages[{at}].content", content)
        if "tool_calls" in message:
            _check_tool_calls(f"messages[{at}].tool_calls", message.get("tool_calls"))


def _check_parts(param: str, content: Any) -> None:
    if not isinstance(content, list):
        raise _wrong(param, "a string or an array of content parts", content)
    for at, part in enumerate(content):
        if not isinstance(part, dict):
            raise _wrong(f"{param}[{at}]", "an object", part)
        # A number would be text to the model, yet nothing that a policy reads.
        if part.get("type") == "text" and not isinstance(part.get("text"), str):
            raise _wrong(f"{param}[{at}].text", "a string", part.get("text"))


def _check_tool_calls(param: str, calls: Any) -> None:
    if calls is None:
        return
    if not _is_list_of_objects(calls):
        raise _wrong(param, "an array of objects", calls)
    for at, call in enumerate(calls):
        function = call.get("function")
        arguments = function.get("arguments") if isinstance(function, dict) else None
        # An object's numbers would be text to the model, yet nothing that a policy reads.
        if not isinstance(arguments, str | None):
            raise _wrong(f"{param}[{at}].function.arguments", "a string of JSON", arguments)
