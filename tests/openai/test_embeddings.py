"""Embedding requests, and the answers made of vectors."""

from __future__ import annotations

import base64
import struct
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import GatewayError, MalformedRequest
from extproc.openai.call import Call
from extproc.openai.embeddings import MAX_INPUTS, NotVectors, answer, parse

USAGE = {"prompt_tokens": 1, "total_tokens": 1}


def body(**fields: Any) -> bytes:
    """A request with these fields."""
    return orjson.dumps({"model": "m", "input": "a", **fields})


REFUSED = {
    "no input": ({"input": None}, "input", "Missing required parameter"),
    "a number": ({"input": 5}, "input", "a string or an array of strings"),
    "an object": ({"input": {"text": "a"}}, "input", "a string or an array of strings"),
    "nothing": ({"input": []}, "input", "a string or an array of strings"),
    "an empty text": ({"input": ""}, "input", "an empty text"),
    "one empty text": ({"input": ["a", ""]}, "input", "an empty text"),
    "tokens": ({"input": [1, 2]}, "input", "cannot read token ids"),
    "lists of tokens": ({"input": [[1], [2]]}, "input", "check_embedding_ctx_length=False"),
    "null among texts": ({"input": ["a", None]}, "input[1]", "expected a string, got null"),
    "too many": ({"input": ["a"] * (MAX_INPUTS + 1)}, "input", f"at most {MAX_INPUTS}"),
    "a format": ({"encoding_format": "hex"}, "encoding_format", "'float' or 'base64'"),
    "dimensions": ({"dimensions": 0}, "dimensions", "a positive integer"),
    "a stream": ({"stream": True}, "stream", "not streamed"),
    "messages": ({"messages": [{"role": "user", "content": "x"}]}, "messages", "reads 'input'"),
    "a prompt": ({"prompt": [1, 2]}, "prompt", "reads 'input'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_shape_is_refused_with_the_field_at_fault(name: str) -> None:
    """What we could not judge, or what a container would read as another request, is a 400 that says so."""
    fields, param, message = REFUSED[name]
    with pytest.raises(MalformedRequest) as refused:
        parse(body(**fields))
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert message in refused.value.message


@pytest.mark.parametrize(("given_", "texts"), [("a", ["a"]), (["a"], ["a"]), (["a", "b"], ["a", "b"]), ([" "], [" "])])
def test_texts_are_those_of_the_input(given_: Any, texts: list[str]) -> None:
    """One, or each of a list; the document is kept as it came."""
    call = parse(body(input=given_, dimensions=4))
    assert (call.kind, call.texts, call.document["input"]) == ("embedding", texts, given_)
    assert (call.stream, call.include_usage) == (False, False)


def asked(count: int, encoding: str | None) -> Call:
    """A call for so many texts."""
    return Call("m", False, False, {"input": ["a"] * count, "encoding_format": encoding}, "embedding")


float32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(float32, min_size=width, max_size=width), min_size=1)),
    st.booleans(),
)
def test_numbers_survive_every_way(vectors: list[list[float]], packed: bool) -> None:
    """Whatever of both forms a container sends, and whichever the client wants, the numbers are the same."""
    sent = [base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in vectors] if packed else vectors
    for encoding in (None, "float", "base64"):
        document = answer(sent, asked(len(vectors), encoding), USAGE)
        found = [entry["embedding"] for entry in document["data"]]
        if encoding == "base64":
            found = [
                list(struct.unpack(f"<{len(v)}f", base64.b64decode(text)))
                for v, text in zip(vectors, found, strict=True)
            ]
        assert found == vectors
        assert [entry["index"] for entry in document["data"]] == list(range(len(vectors)))


NOT_NUMBERS = ["====", "AAA", "AAAAA===", "", base64.b64encode(struct.pack("<f", float("nan"))).decode(), "é", "AAA="]


@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_base64_of_anything_else_is_no_vector(text: str) -> None:
    """No text travels as a vector, and no number that JSON does not know."""
    for encoding in ("float", "base64"):
        with pytest.raises(NotVectors):
            answer([text], asked(1, encoding), USAGE)


def test_a_number_beyond_float32_is_no_base64() -> None:
    """As a number it passes."""
    assert answer([[1e300]], asked(1, "float"), USAGE)["data"][0]["embedding"] == [1e300]
    with pytest.raises(NotVectors):
        answer([[1e300]], asked(1, "base64"), USAGE)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["model", "input", "encoding_format", "dimensions", "x"]), json_values))
def test_nothing_escapes_but_a_gateway_error(fields: dict[str, Any]) -> None:
    """Whatever arrives, the answer is a call or an error made for clients."""
    for raw in (orjson.dumps(fields), body(**fields)):
        with suppress(GatewayError):
            assert all(isinstance(text, str) for text in parse(raw).texts)
