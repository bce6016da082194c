"""What every dialect of embeddings has in common: nothing but numbers comes through, and each for its own text."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import GatewayError, UpstreamError, UpstreamFailed
from extproc.openai import context
from extproc.openai.call import Call
from extproc.routing.targets import Target
from extproc.translate import TRANSLATORS, translator

DIALECTS = sorted(dialect for kind, dialect in TRANSLATORS if kind == "embedding")
TARGET = Target(id="t", endpoint="e", models=("m",), region="us-east-1", kind="embedding")

leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
names = st.sampled_from(["data", "embedding", "embeddings", "float", "index", "usage", "meta", "error", "total_tokens"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


def call(texts: list[str], **document: Any) -> Call:
    """A call for these texts."""
    return Call("m", False, False, {"input": texts, **document}, "embedding")


@pytest.mark.parametrize("dialect", DIALECTS)
@given(value=values, count=st.integers(1, 3), base64=st.booleans())
def test_any_answer_is_vectors_or_an_error(dialect: str, value: Any, count: int, base64: bool) -> None:
    """Whatever a container sends, the client gets a vector of numbers for each text, or an error made for it."""
    asked = call(["a"] * count, **({"encoding_format": "base64"} if base64 else {}))
    try:
        document = translator("embedding", dialect).response(orjson.dumps(value), asked, TARGET)
    except UpstreamError:
        return
    assert set(document) == {"object", "data", "model", "usage"}
    assert [entry["index"] for entry in document["data"]] == list(range(count))
    for entry in document["data"]:
        assert set(entry) == {"object", "index", "embedding"}
        assert isinstance(entry["embedding"], str if base64 else list)
        assert base64 or {*map(type, entry["embedding"])} <= {int, float}


@pytest.mark.parametrize("dialect", DIALECTS)
@given(body=st.binary(max_size=40))
def test_any_bytes_are_an_error(dialect: str, body: bytes) -> None:
    """What is no JSON is a 502 that quotes nothing."""
    with pytest.raises(GatewayError) as raised:
        translator("embedding", dialect).response(body, call(["a", "b"]), TARGET)
    assert raised.value.http_status >= 400


WRONG = {
    "one too few": [[1.0]],
    "one too many": [[1.0], [2.0], [3.0]],
    "of two lengths": [[1.0], [2.0, 3.0]],
    "text": [["a"], ["b"]],
    "booleans": [[True], [False]],
    "nothing in them": [[], []],
    "null": [None, None],
    "nested": [[[[1.0]]], [[[2.0]]]],
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_one_vector_for_each_text_is_no_answer(name: str) -> None:
    """Never padded, cut or guessed."""
    with pytest.raises(UpstreamFailed) as raised:
        translator("embedding", "tei").response(orjson.dumps(WRONG[name]), call(["a", "b"]), TARGET)
    assert raised.value.http_status == 502


@pytest.mark.parametrize("count", [None, -1, 1.5, True, "7", {}])
def test_a_count_that_is_none_is_estimated(count: Any) -> None:
    """And marked as an estimate, for the client as for the record."""
    asked = call(["four", "words of it"])
    body = orjson.dumps({"data": [{"embedding": [1.0]}, {"embedding": [2.0]}], "usage": {"prompt_tokens": count}})
    usage = translator("embedding", "openai").response(body, asked, TARGET)["usage"]
    estimate = context.prompt_tokens(asked)
    assert usage == {"prompt_tokens": estimate, "total_tokens": estimate, "estimated": ["prompt_tokens"]}
