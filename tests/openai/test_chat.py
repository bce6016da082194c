"""Chat requests: what is refused, what passes, and what is kept."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import GatewayError, MalformedRequest
from extproc.openai.chat import parse

MESSAGES = [{"role": "user", "content": "Hi"}]


def body(**fields: Any) -> bytes:
    """A request with these fields; None removes one."""
    document = {"model": "m", "messages": MESSAGES, **fields}
    return orjson.dumps({name: value for name, value in document.items() if value is not ...})


REFUSED = {
    "model missing": ({"model": ...}, "model", "Missing required parameter"),
    "model null": ({"model": None}, "model", "Missing required parameter"),
    "model number": ({"model": 1}, "model", "expected a string, got an integer"),
    "model empty": ({"model": ""}, "model", "printable"),
    "model with a newline": ({"model": "m\r\nx-kt-target: y"}, "model", "printable"),
    "model with NUL": ({"model": "m\x00"}, "model", "printable"),
    "model endless": ({"model": "m" * 257}, "model", "1 to 256"),
    "messages missing": ({"messages": ...}, "messages", "Missing required parameter"),
    "messages null": ({"messages": None}, "messages", "Missing required parameter"),
    "messages empty": ({"messages": []}, "messages", "at least one message"),
    "messages string": ({"messages": "Hi"}, "messages", "expected an array of messages, got a string"),
    "message null": ({"messages": [*MESSAGES, None]}, "messages[1]", "expected an object, got null"),
    "message array": ({"messages": [[]]}, "messages[0]", "expected an object, got an array"),
    "role missing": ({"messages": [{"content": "Hi"}]}, "messages[0].role", "Missing"),
    "role number": ({"messages": [{"role": 1}]}, "messages[0].role", "got an integer"),
    "role empty": ({"messages": [{"role": ""}]}, "messages[0].role", "expected a role"),
    "content number": ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "got an integer (5)"),
    "content object": ({"messages": [{"role": "user", "content": {}}]}, "messages[0].content", "got an object"),
    "part string": ({"messages": [{"role": "user", "content": ["Hi"]}]}, "messages[0].content[0]", "got a string"),
    "text part without text": (
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        "messages[0].content[0].text",
        "got null",
    ),
    "text part with a number": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 123456789}]}]},
        "messages[0].content[0].text",
        "got an integer",
    ),
    "tool_calls object": (
        {"messages": [{"role": "assistant", "tool_calls": {}, "name": "a"}]},
        "messages[0].tool_calls",
        "expected an array of objects",
    ),
    "stream string": ({"stream": "true"}, "stream", "expected a boolean, got a string"),
    "stream number": ({"stream": 1}, "stream", "expected a boolean"),
    "stream_options array": ({"stream": True, "stream_options": []}, "stream_options", "expected an object"),
    "stream_options alone": ({"stream_options": {"include_usage": True}}, "stream_options", "only when 'stream'"),
    "include_usage string": (
        {"stream": True, "stream_options": {"include_usage": "yes"}},
        "stream_options.include_usage",
        "expected a boolean",
    ),
    "n zero": ({"n": 0}, "n", "from 1 to 128"),
    "n negative": ({"n": -1}, "n", "from 1 to 128"),
    "n boolean": ({"n": True}, "n", "got a boolean"),
    "n huge": ({"n": 129}, "n", "from 1 to 128"),
    "n fraction": ({"n": 1.5}, "n", "got a number (1.5)"),
    "max_tokens string": ({"max_tokens": "5"}, "max_tokens", "expected a positive integer"),
    "max_tokens zero": ({"max_tokens": 0}, "max_tokens", "expected a positive integer"),
    "max_completion_tokens": ({"max_completion_tokens": 1.5}, "max_completion_tokens", "positive integer"),
    "temperature string": ({"temperature": "hot"}, "temperature", "expected a number"),
    "temperature boolean": ({"temperature": True}, "temperature", "expected a number"),
    "top_p": ({"top_p": "1"}, "top_p", "expected a number"),
    "presence_penalty": ({"presence_penalty": []}, "presence_penalty", "expected a number"),
    "frequency_penalty": ({"frequency_penalty": {}}, "frequency_penalty", "expected a number"),
    "seed": ({"seed": 1.5}, "seed", "expected an integer"),
    "stop number": ({"stop": 5}, "stop", "a string or an array of strings"),
    "stop mixed": ({"stop": ["a", 5]}, "stop", "a string or an array of strings"),
    "logprobs": ({"logprobs": 5}, "logprobs", "expected a boolean"),
    "tools object": ({"tools": {}}, "tools", "expected an array of objects"),
    "tools of strings": ({"tools": ["a"]}, "tools", "expected an array of objects"),
    "functions": ({"functions": "a"}, "functions", "expected an array of objects"),
    "tool_choice": ({"tool_choice": 1}, "tool_choice", "a string or an object"),
    "response_format": ({"response_format": "json"}, "response_format", "expected an object"),
    "prediction": ({"prediction": "text"}, "prediction", "expected an object"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_shape_is_refused_with_the_field_at_fault(name: str) -> None:
    """A request we could not judge or translate is a 400 that names the field and what was expected."""
    fields, param, message = REFUSED[name]
    with pytest.raises(MalformedRequest) as refused:
        parse(body(**fields))
    error = refused.value
    assert (error.http_status, error.type, error.param) == (400, "invalid_request_error", param)
    assert message in error.message


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b'"hi"', b"{", b'{"model": "\xff"}', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    """Bodies that are no JSON object get the same kind of answer as wrong shapes."""
    with pytest.raises(MalformedRequest, match=r"Send one JSON object\."):
        parse(raw)


PASSING = {
    "a plain one": {},
    "null content": {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]},
    "no content": {"messages": [{"role": "assistant", "tool_calls": []}]},
    "parts": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
    "no parts": {"messages": [{"role": "user", "content": []}]},
    "a role of tomorrow": {"messages": [{"role": "critic", "content": "Hi"}]},
    "nulls": {"n": None, "temperature": None, "stream": None, "stream_options": None, "tools": None, "stop": None},
    "unknown fields of any type": {"top_k": "many", "guided_json": {"a": [1, None]}, "x": None, "metadata": 7},
    "integral temperature": {"temperature": 0},
    "stream without usage": {"stream": True, "stream_options": {"include_usage": None}},
    "a unicode model": {"model": "modèle-日本"},
}


@pytest.mark.parametrize("name", PASSING)
def test_what_we_can_serve_passes_untouched(name: str) -> None:
    """Nothing is refused for being unknown, and the document is kept as it came."""
    raw = body(**PASSING[name])
    assert parse(raw).document == orjson.loads(raw)


@pytest.mark.parametrize(
    ("fields", "stream", "include_usage"),
    [
        ({}, False, False),
        ({"stream": False, "n": None}, False, False),
        ({"stream": True, "n": 3}, True, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True, True),
        ({"stream": True, "stream_options": {"include_usage": False}}, True, False),
    ],
)
def test_what_decides_the_answer_is_read(fields: Any, stream: bool, include_usage: bool) -> None:
    """Streaming and usage are taken from the request."""
    call = parse(body(**fields))
    assert (call.model, call.stream, call.include_usage, call.kind) == ("m", stream, include_usage, "chat")


def test_ten_thousand_messages_pass() -> None:
    """There is no bound on the number of messages but the body's size."""
    assert len(parse(body(messages=MESSAGES * 10_000)).document["messages"]) == 10_000


def test_the_last_of_duplicate_keys_is_judged() -> None:
    """A second `model` replaces the first, in what is judged as in what is kept."""
    call = parse(b'{"model": "a", "messages": [{"role": "user", "content": "x"}], "model": "b"}')
    assert (call.model, call.document["model"]) == ("b", "b")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["model", "messages", "stream", "stream_options", "n", "tools", "stop", "max_tokens", "prediction", "x"]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values), st.binary(max_size=20))
def test_nothing_escapes_but_a_gateway_error(fields: dict[str, Any], noise: bytes) -> None:
    """Whatever arrives, the answer is a call or an error made for clients."""
    for raw in (orjson.dumps(fields), body(**fields), body(messages=[fields]), noise):
        with suppress(GatewayError):
            assert parse(raw).document["messages"]
