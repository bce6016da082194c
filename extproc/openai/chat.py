"""POST /v1/chat/completions: what a chat request must look like, and nothing to change in what answers it.

Every container's answer is brought into the form of a chat completion; here it is already the client's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from extproc.errors import MalformedRequest
from extproc.openai import call as requests
from extproc.openai.call import Call, Fields, missing, wrong

if TYPE_CHECKING:
    from extproc.openai.document import Document

KIND = "chat"
PATH = "/v1/chat/completions"
ID_PREFIX = "chatcmpl-"


def parse(body: bytes) -> Call:
    """Read a chat request.

    Raises:
        MalformedRequest: not JSON, or a field that the gateway acts on is missing or wrong; `param` names it.
    """
    document = requests.parse(body, "messages", _FIELDS)
    _check_messages(document["messages"])
    stream, include_usage = requests.streaming(document)
    return Call(document["model"], stream, include_usage, document)


def whole(document: Document) -> Document:
    """A whole answer as the client gets it."""
    return document


chunk = whole


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


_FIELDS: Fields = {
    **requests.GENERATION_FIELDS,
    "max_completion_tokens": ("a positive integer", requests.is_count),
    "logprobs": ("a boolean", lambda value: isinstance(value, bool)),
    "tools": ("an array of objects", _is_list_of_objects),
    "functions": ("an array of objects", _is_list_of_objects),
    "tool_choice": ("a string or an object", lambda value: isinstance(value, str | dict)),
    "response_format": ("an object", lambda value: isinstance(value, dict)),
    "prediction": ("an object", lambda value: isinstance(value, dict)),
}


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list):
        raise wrong("messages", "an array of messages", messages)
    if not messages:
        raise MalformedRequest("Invalid value for 'messages': expected at least one message.", param="messages")
    for at, message in enumerate(messages):
        if not isinstance(message, dict):
            raise wrong(f"messages[{at}]", "an object", message)
        role = message.get("role")
        if role is None:
            raise missing(f"messages[{at}].role")
        if not isinstance(role, str) or not role:
            raise wrong(f"messages[{at}].role", "a role", role)
        content = message.get("content")
        if content is not None and not isinstance(content, str):
            _check_parts(f"messages[{at}].content", content)
        if "tool_calls" in message:
            _check_tool_calls(f"messages[{at}].tool_calls", message.get("tool_calls"))


def _check_parts(param: str, content: Any) -> None:
    if not isinstance(content, list):
        raise wrong(param, "a string or an array of content parts", content)
    for at, part in enumerate(content):
        if not isinstance(part, dict):
            raise wrong(f"{param}[{at}]", "an object", part)
        # A number would be text to the model, yet nothing that a policy reads.
        if part.get("type") == "text" and not isinstance(part.get("text"), str):
            raise wrong(f"{param}[{at}].text", "a string", part.get("text"))


def _check_tool_calls(param: str, calls: Any) -> None:
    if calls is None:
        return
    if not _is_list_of_objects(calls):
        raise wrong(param, "an array of objects", calls)
    for at, call in enumerate(calls):
        function = call.get("function")
        arguments = function.get("arguments") if isinstance(function, dict) else None
        # An object's numbers would be text to the model, yet nothing that a policy reads.
        if not isinstance(arguments, str | None):
            raise wrong(f"{param}[{at}].function.arguments", "a string of JSON", arguments)
