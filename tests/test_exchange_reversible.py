"""Reversible redaction through whole exchanges: what goes upstream has no value, what comes back has each again."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.actions import BodyMode, Continue, Release, Replace
from extproc.events import RequestBody, ResponseBody
from extproc.policies.table import build
from extproc.testing import (
    MODEL,
    NOW,
    answer_headers,
    chat_headers,
    completion,
    frame,
    make_exchange,
    make_runtime,
    make_target,
)

# Whatever stands between angle brackets is a value, so that values can hold any character but those and a line's end.
POLICIES = (
    build("pii-detector", {"redaction": {"reversible": True}, "detect_patterns": ["<<[^<>]*>>"]}),
    build("dlp-filter", {"patterns": [{"name": "own", "regex": "jo@x\\.org", "action": "block"}]}),
)
RUNTIME = make_runtime(make_target("east"), make_target("unstreamed", streaming=False), policies=POLICIES[:1])

words = st.sampled_from(
    [
        # With something around them: what is glued to a value may be none until the value is gone.
        *("; jo@x.org; ", "; amy@x.org; ", "; 4111 1111 1111 1111; "),
        *('<<a "b">>', r"<<c:\new>>", "<<\u65e5\t\U0001f600\x7f>>", "<<[EMAIL_1]>>"),
        *("[EMAIL_1]", "[EMAIL_", "2]", "[", "]", "\\", "\\[", '"', " ", ", ", "\n", "é", "plain"),
    ]
)  # fmt: skip
spoken = st.lists(words, max_size=8).map("".join)


def request_of(texts: dict[str, str], **fields: Any) -> dict[str, Any]:
    """A request in which each text stands somewhere else."""
    call = {"name": "f", "arguments": orjson.dumps({"a": [texts["arguments"]]}).decode()}
    return {
        "model": MODEL,
        "tools": [{"type": "function", "function": {"name": "f", "description": texts["tools"]}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": texts["content"]}]},
            {
                "role": "assistant",
                "content": texts["said"],
                "reasoning_content": texts["reasoning"],
                "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": texts["content"]},
        ],
        "x_field": {"y": texts["x"]},
        **fields,
    }


def message_of(asked: dict[str, Any]) -> dict[str, Any]:
    """What a model says that repeats the request: its message, its call, and fields nobody has heard of."""
    said = asked["messages"][1]
    return {
        "role": "assistant",
        "content": said["content"],
        "reasoning_content": said["reasoning_content"],
        "refusal": asked["messages"][0]["content"][0]["text"],
        "x_field": asked["x_field"],
        "tool_calls": [{"index": 0, **said["tool_calls"][0]}],
        "function_call": {"name": "f", "arguments": said["tool_calls"][0]["function"]["arguments"]},
    }


def upstream(exchange: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Ask, and give what goes upstream."""
    exchange.feed(chat_headers(), NOW)
    (action,) = exchange.feed(RequestBody(orjson.dumps(asked)), NOW)
    assert isinstance(action, Replace), action
    sent: dict[str, Any] = orjson.loads(action.body)
    return sent


def add(value: Any, into: Any) -> Any:
    """Add a delta up, as SDKs do."""
    if isinstance(value, dict):
        into = into or {}
        return {**into, **{name: add(inner, into.get(name)) for name, inner in value.items()}}
    if isinstance(value, list):
        return [add(value[0], into[0] if into else None)] if value else into
    return value if into is None or not isinstance(value, str) else into + value


def pieces_of(message: dict[str, Any], cuts: list[int]) -> list[dict[str, Any]]:
    """The message as deltas: every text in pieces, cut at these places, one text after the other."""
    deltas: list[dict[str, Any]] = []

    def cut(value: str, wrap: Any) -> None:
        edges = [0, *sorted(min(at, len(value)) for at in cuts), len(value)]
        deltas.extend(wrap(value[a:b]) for a, b in pairwise(edges))

    for name in ("content", "reasoning_content", "refusal"):
        cut(message[name], lambda text, name=name: {name: text})
    cut(message["x_field"]["y"], lambda text: {"x_field": {"y": text}})
    arguments = message["tool_calls"][0]["function"]["arguments"]
    deltas.append({"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": ""}}]})
    cut(arguments, lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]})
    cut(arguments, lambda text: {"function_call": {"arguments": text}})
    return deltas


def told(message: dict[str, Any]) -> dict[str, Any]:
    """What a client makes of a message: its texts, and the arguments parsed."""
    return {
        **{name: message.get(name) or "" for name in ("content", "reasoning_content", "refusal")},
        "x": (message.get("x_field") or {}).get("y") or "",
        "arguments": orjson.loads(message["tool_calls"][0]["function"]["arguments"]),
        "function": orjson.loads(message["function_call"]["arguments"]),
    }


PLACES = ("tools", "content", "said", "reasoning", "arguments", "x")


@given(st.fixed_dictionaries(dict.fromkeys(PLACES, spoken)), st.lists(st.integers(0, 90), max_size=6))
def test_an_echo_gives_back_what_was_asked(texts: dict[str, str], cuts: list[int]) -> None:
    """Whatever values stand wherever in a request, a model that repeats them gives the client its own text again."""
    expected = {
        "content": texts["said"],
        "reasoning_content": texts["reasoning"],
        "refusal": texts["content"],
        "x": texts["x"],
        "arguments": {"a": [texts["arguments"]]},
        "function": {"a": [texts["arguments"]]},
    }
    for target, stream in (("east", False), ("east", True), ("unstreamed", True)):
        exchange = make_exchange(RUNTIME)
        sent = upstream(exchange, request_of(texts, stream=stream))
        assert not any(value in orjson.dumps(sent) for value in (b"@x.org", b"4111", b"<<"))
        message = message_of(sent)
        if stream and target == "east":
            exchange.feed(answer_headers(target, stream=True), NOW)
            got = streamed(exchange, pieces_of(message, cuts))
        else:
            exchange.feed(answer_headers(target), NOW)
            body = orjson.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
            (action,) = exchange.feed(ResponseBody(body, end_of_stream=True), NOW)
            assert isinstance(action, Replace), action
            got = joined(action.body) if stream else orjson.loads(action.body)["choices"][0]["message"]
        assert told(got) == expected
        assert "x.org" not in str(exchange.record.document())


def streamed(exchange: Any, deltas: list[dict[str, Any]]) -> dict[str, Any]:
    """What a client adds up when these deltas come, each in a frame."""
    parts = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    parts.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    events = [*(b"data: " + orjson.dumps(part) + b"\n\n" for part in parts), b"data: [DONE]\n\n"]
    sent = b""
    for body in (*(ResponseBody(frame(event)) for event in events), ResponseBody(b"", end_of_stream=True)):
        sent += b"".join(action.body for action in exchange.feed(body, NOW) if isinstance(action, Release))
    return joined(sent)


def joined(events: bytes) -> dict[str, Any]:
    """The message that a stream's events add up to."""
    message: dict[str, Any] = {}
    assert events.endswith(b"data: [DONE]\n\n")
    for event in events.split(b"\n\n")[:-2]:
        for choice in orjson.loads(event.removeprefix(b"data: "))["choices"]:
            message = add(choice["delta"], message)
    return message


def test_a_value_that_a_later_policy_would_block_comes_back() -> None:
    """The answer is judged with the placeholder in it: what a rule would refuse is the client's own when it returns."""
    exchange = make_exchange(make_runtime(policies=POLICIES[:1]))
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "I am jo@x.org"}]}
    assert upstream(exchange, asked)["messages"][0]["content"] == "I am [EMAIL_1]"
    exchange.feed(answer_headers("east"), NOW)
    (action,) = exchange.feed(completion("Hi [EMAIL_1]", "and eve@x.org"), NOW)
    choices = orjson.loads(action.body)["choices"]
    assert [choice["message"]["content"] for choice in choices] == ["Hi jo@x.org", "and [EMAIL_REDACTED]"]


def test_token_probabilities_go_with_the_placeholder() -> None:
    """They spell the placeholder and no longer the text: where a value came back they are left out."""
    exchange = make_exchange(RUNTIME)
    upstream(exchange, {"model": MODEL, "messages": [{"role": "user", "content": "I am jo@x.org"}]})
    exchange.feed(answer_headers("east"), NOW)
    spelled = {"content": [{"token": "Hi"}]}
    choices = [
        {"index": at, "message": {"content": text}, "logprobs": spelled, "finish_reason": "stop"}
        for at, text in enumerate(("Hi [EMAIL_1]", "Hi"))
    ]
    (action,) = exchange.feed(ResponseBody(orjson.dumps({"choices": choices}), end_of_stream=True), NOW)
    assert [choice["logprobs"] for choice in orjson.loads(action.body)["choices"]] == [None, spelled]


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings"])
def test_other_endpoints(path: str) -> None:
    """Prompts and texts to be embedded are numbered alike, over all of a list."""
    field, kind = ("prompt", "completion") if path == "/v1/completions" else ("input", "embedding")
    exchange = make_exchange(make_runtime(make_target("east", kind=kind), policies=POLICIES[:1]))
    exchange.feed(chat_headers(path), NOW)
    asked = {"model": MODEL, field: ["jo@x.org", "amy@x.org", "jo@x.org"]}
    (action,) = exchange.feed(RequestBody(orjson.dumps(asked)), NOW)
    assert orjson.loads(action.body)[field] == ["[EMAIL_1]", "[EMAIL_2]", "[EMAIL_1]"]


def test_an_error_has_no_value() -> None:
    """What a container says of the request in an error stays as the policies left it, for the client and the record."""
    exchange = make_exchange(RUNTIME)
    upstream(exchange, {"model": MODEL, "messages": [{"role": "user", "content": "I am jo@x.org"}]})
    head = answer_headers("east", 424)
    assert exchange.feed(head, NOW) == (Continue(body_mode=BodyMode.BUFFERED),)
    fault = {"OriginalStatusCode": 400, "OriginalMessage": '{"error": {"message": "cannot read: I am [EMAIL_1]"}}'}
    (action,) = exchange.feed(ResponseBody(orjson.dumps(fault), end_of_stream=True), NOW)
    assert b"jo@x.org" not in action.body
    assert "jo@x.org" not in str(exchange.record.document())
