"""The model container: vLLM's chat completions on /invocations, answered by an echo.

The answer is the last user message, so that a test of a policy on answers chooses what the model says. In that message

    call:{"city":"Paris"}        with `tools` given: a call of the first tool, with the rest as its arguments
    reason:R||A                  reasoning_content R, then the answer A

`max_tokens` (or max_completion_tokens) cuts the answer and makes the finish_reason `length`; `n` gives the same answer
n times; `stream_options.include_usage` adds the usage chunk. A token is a word with the space before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import orjson

from extproc.emulator.prompts import spelled

if TYPE_CHECKING:
    from extproc.emulator.knobs import Knobs

_TOKEN = re.compile(r"\s*\S+|\s+\Z")
_WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
# Arguments of a tool call come in pieces that end in the middle of names and strings.
_ARGUMENT_PIECE = 7
_MAX_CHOICES = 128


class ContainerRefused(Exception):
    """The container's own 4xx, in vLLM's words; the platform wraps it in a 424."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        error = {"message": message, "type": "BadRequestError", "param": None, "code": status}
        self.body = orjson.dumps({"error": error}).decode()

    @classmethod
    def in_own_words(cls, status: int, said: object) -> ContainerRefused:
        """Return the refusal of a container that has its own shape for it: a document, or a text as it stands."""
        refusal = cls(status, "")
        refusal.body = said if isinstance(said, str) else orjson.dumps(said).decode()
        return refusal


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer, decided in full before its first byte is sent. `tool`: a function's name, its arguments in pieces."""

    id: str
    created: int
    model: str
    choices: int
    stream: bool
    include_usage: bool
    reasoning: tuple[str, ...]
    tokens: tuple[str, ...]
    tool: tuple[str, tuple[str, ...]] | None
    finish_reason: str
    prompt_tokens: int

    def saying(self, tokens: tuple[str, ...]) -> Completion:
        """Return the same answer with other words."""
        return replace(self, tokens=tokens, tool=None)

    @property
    def usage(self) -> dict[str, Any]:
        """Tokens as OpenAI counts them: the completion's over all choices."""
        arguments = len(self.tool[1]) if self.tool else 0
        completion = self.choices * (len(self.reasoning) + len(self.tokens) + arguments)
        return {
            "prompt_tokens": self.prompt_tokens,
            "total_tokens": self.prompt_tokens + completion,
            "completion_tokens": completion,
            "prompt_tokens_details": None,
        }


def parse(body: bytes) -> dict[str, Any]:
    """Return the request as an object.

    Raises:
        ContainerRefused: not JSON, or not an object.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise ContainerRefused(400, f"JSON decode error: {fault}") from fault
    if not isinstance(document, dict):
        raise ContainerRefused(400, "Input should be a valid dictionary")
    return document


def complete(document: dict[str, Any], knobs: Knobs, endpoint: str, created: int, number: int) -> Completion:
    """Answer a request; `created` is in Unix seconds and `number` makes the answer's id.

    Raises:
        ContainerRefused: for what vLLM refuses, too.
    """
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(item, dict) for item in messages):
        raise ContainerRefused(400, "Field required: messages")
    asked = spelled(_last_user_text(messages)) if knobs.text is None else knobs.text
    reasoning, answer = knobs.reasoning or "", asked
    if asked.startswith("reason:"):
        reasoning, _, answer = asked.removeprefix("reason:").partition("||")
    tool = _tool_call(document.get("tools"), answer)
    tokens = () if tool else tokens_of(answer, knobs)
    reason = "tool_calls" if tool else "stop"
    limit = document.get("max_completion_tokens") or document.get("max_tokens")
    if isinstance(limit, int) and len(tokens) > limit:
        tokens, reason = tokens[:limit], "length"
    options = document.get("stream_options")
    return Completion(
        id=f"chatcmpl-{number:032x}",
        created=created,
        model=_string(document.get("model")) or endpoint,
        choices=number_of_choices(document.get("n")),
        stream=document.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        reasoning=tuple(_TOKEN.findall(reasoning)),
        tokens=tokens,
        tool=tool,
        finish_reason=knobs.finish_reason or reason,
        prompt_tokens=sum(len(_text(message).split()) for message in messages),
    )


def tokens_of(answer: str, knobs: Knobs) -> tuple[str, ...]:
    """Return an answer's tokens, cut or replaced as the knobs say."""
    if knobs.tokens is not None:
        return tuple(f" {word}" if at else word for at, word in enumerate(islice(cycle(_WORDS), knobs.tokens)))
    if knobs.token_chars is None:
        return tuple(_TOKEN.findall(answer))
    return _pieces(answer, knobs.token_chars)


def _pieces(text: str, size: int) -> tuple[str, ...]:
    return tuple(text[start : start + size] for start in range(0, len(text), size))


def _tool_call(tools: object, answer: str) -> tuple[str, tuple[str, ...]] | None:
    if not isinstance(tools, list) or not tools or not answer.startswith("call:"):
        return None
    function = tools[0].get("function") if isinstance(tools[0], dict) else None
    name = _string(function.get("name")) if isinstance(function, dict) else ""
    return name or "function", _pieces(answer.removeprefix("call:"), _ARGUMENT_PIECE)


def number_of_choices(given: object) -> int:
    """Return a request's `n`.

    Raises:
        ContainerRefused: not a number from 1 to 128.
    """
    if given is None:
        return 1
    if not isinstance(given, int) or not 1 <= given <= _MAX_CHOICES:
        raise ContainerRefused(400, f"n must be between 1 and {_MAX_CHOICES}")
    return given


def _last_user_text(messages: list[dict[str, Any]]) -> str:
    for message in reversed(messages):
        if message.get("role") == "user":
            return _text(message)
    return ""


def _text(message: dict[str, Any]) -> str:
    """Return a message's text, content parts of other kinds left out."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(_string(part.get("text")) for part in content if isinstance(part, dict))
    return _string(content)


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
