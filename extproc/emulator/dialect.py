"""How a container writes a completion down: one JSON document, server-sent events, or JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extproc.emulator.container import Completion

JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"
JSON_LINES = "application/jsonlines"


def document(completion: Completion) -> bytes:
    """Return the whole answer, as a request without `stream` gets it."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if completion.tool else "".join(completion.tokens),
        "refusal": None,
        "tool_calls": [],
        "reasoning_content": "".join(completion.reasoning) or None,
    }
    if completion.tool:
        name, pieces = completion.tool
        function = {"name": name, "arguments": "".join(pieces)}
        message["tool_calls"] = [{"id": _call_id(completion), "type": "function", "function": function}]
    finish = {"logprobs": None, "finish_reason": completion.finish_reason, "stop_reason": None}
    return orjson.dumps(
        {
            "id": completion.id,
            "object": "chat.completion",
            "created": completion.created,
            "model": completion.model,
            "choices": [{"index": index, "message": message, **finish} for index in range(completion.choices)],
            "usage": completion.usage,
            "prompt_logprobs": None,
        }
    )


def server_sent_events(chunks: Iterable[bytes], *, done: bool = True) -> Iterator[bytes]:
    """Write vLLM's stream: `data: {…}` and an empty line each, the last one [DONE] unless `done` is False."""
    for chunk in chunks:
        yield b"data: " + chunk + b"\n\n"
    if done:
        yield b"data: [DONE]\n\n"


def json_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Write the stream of LMI's asynchronous handler: one chunk a line, an empty line instead of [DONE]."""
    for chunk in chunks:
        yield chunk + b"\n"
    yield b"\n"


def chunks(completion: Completion) -> Iterator[bytes]:
    """Give the chunks: the role, reasoning, content or a tool call, the reason, and the usage; choices take turns."""
    head = orjson.dumps(
        {
            "id": completion.id,
            "object": "chat.completion.chunk",
            "created": completion.created,
            "model": completion.model,
        }
    )[:-1]

    def each_choice(delta: bytes, finish: bytes = b"null") -> Iterator[bytes]:
        for index in range(completion.choices):
            choice = b',"choices":[{"index":%d,"delta":%b,"logprobs":null,"finish_reason":%b}]}'
            yield head + choice % (index, delta, finish)

    yield from each_choice(b'{"role":"assistant","content":""}')
    for token in completion.reasoning:
        yield from each_choice(b'{"reasoning_content":%b}' % orjson.dumps(token))
    for token in completion.tokens:
        yield from each_choice(b'{"content":%b}' % orjson.dumps(token))
    for delta in _tool_deltas(completion):
        yield from each_choice(orjson.dumps({"tool_calls": [delta]}))
    yield from each_choice(b'{"content":""}', orjson.dumps(completion.finish_reason))
    if completion.include_usage:
        yield head + b',"choices":[],"usage":%b}' % orjson.dumps(completion.usage)


def _tool_deltas(completion: Completion) -> Iterator[dict[str, Any]]:
    if completion.tool is None:
        return
    name, pieces = completion.tool
    function = {"name": name, "arguments": ""}
    yield {"index": 0, "id": _call_id(completion), "type": "function", "function": function}
    for piece in pieces:
        yield {"index": 0, "function": {"arguments": piece}}


def _call_id(completion: Completion) -> str:
    return f"call_{completion.id.removeprefix('chatcmpl-')}"
