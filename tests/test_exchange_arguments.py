"""Arguments of tool calls are JSON: what is looked for in them may stand behind an escape."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.actions import Release, Replace
from extproc.events import ResponseBody
from extproc.policies.table import build
from extproc.testing import Playbook, answer_headers, chat_body, chat_headers, frame, play

POLICIES = [build("pii-detector", {})]
# Before a value, each of these; the arguments hold it as JSON writes it.
BEFORE = ["", "\n", "\t", "\r\n", "\b", "\f", "\x01", '"', "\\", "/", "🙂", " "]
VALUES = {
    "078-05-1120": "[SSN_REDACTED]",
    "jo@example.com": "[EMAIL_REDACTED]",
    "4111 1111 1111 1111": "[CREDIT_CARD_REDACTED]",
}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def asked(*, stream: bool) -> Playbook:
    """A chat with a tool, asked."""
    return play(chat_headers(), chat_body("Hi", tools=[TOOL], stream=stream), policies=POLICIES)


def whole(arguments: str) -> str:
    """The arguments of a call in a whole answer, as the client gets them."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    last = asked(stream=False).feed(answer_headers("east"), ResponseBody(orjson.dumps(body), True)).actions[-1]
    assert isinstance(last, Replace)
    told: str = orjson.loads(last.body)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    return told


def streamed(arguments: str, size: int) -> str:
    """The same, streamed in pieces of so many characters."""
    playbook = asked(stream=True).feed(answer_headers("east", stream=True))
    pieces = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    calls: list[dict[str, Any]] = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]
    calls += [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
    for call in calls:
        part = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}
        playbook.feed(ResponseBody(frame(b"data: " + orjson.dumps(part) + b"\n\n")))
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    playbook.feed(ResponseBody(frame(b"data: " + orjson.dumps(end) + b"\n\ndata: [DONE]\n\n"), True))
    raw = b"".join(action.body for action in playbook.actions if isinstance(action, Release))
    chunks = [orjson.loads(event[6:]) for event in raw.split(b"\n\n") if event not in (b"", b"data: [DONE]")]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(c["function"].get("arguments") or "" for delta in deltas for c in delta.get("tool_calls") or ())


@pytest.mark.parametrize("ascii_", [False, True])
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("before", BEFORE, ids=ascii)
def test_no_escape_hides_a_value(before: str, value: str, ascii_: bool) -> None:
    """It is redacted behind any of them, and what is left is JSON that says the rest."""
    given_ = json.dumps({"a": f"x{before}" if before == " " else before, "b": before + value}, ensure_ascii=ascii_)
    expected = {"a": f"x{before}" if before == " " else before, "b": before + VALUES[value]}
    assert json.loads(whole(given_)) == expected
    for size in (1, 2, 3, 7, 100):
        assert json.loads(streamed(given_, size)) == expected


@pytest.mark.parametrize("escape", [r"\u000a", r"\u0009", r"\u0022", r"\u005c", r"\ud83d", r"\u0020", r"\u002d"])
def test_no_long_escape_hides_a_value(escape: str) -> None:
    """Not even those that nobody needs, nor half of a character."""
    given_ = f'{{"a": "{escape}078-05-1120{escape}"}}'
    for told in (whole(given_), *(streamed(given_, size) for size in (1, 4, 9))):
        assert "1120" not in told
        assert json.loads(told)["a"] == json.loads(f'"{escape}[SSN_REDACTED]{escape}"')


@given(st.dictionaries(st.text(), st.text() | st.integers()), st.integers(1, 20))
def test_a_stream_says_what_a_whole_answer_says(arguments: dict[str, Any], size: int) -> None:
    """To the letter, however it is cut; and parsed, nothing but what is redacted has changed."""
    text = json.dumps(arguments)
    told = whole(text)
    assert streamed(text, size) == told
    if "REDACTED" not in told:
        assert json.loads(told) == arguments
