"""JSON objects as they are read from the wire."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.openai.document import MAX_DEPTH, NotADocument, has_more_strings, read, read_value

REFUSED = {
    "empty": (b"", "not valid JSON"),
    "plain text": (b"hello", "not valid JSON at line 1, column 1"),
    "cut short": (b'{"a":\n 1', "not valid JSON at line 2"),
    "two values": (b'{"a": 1}{"b": 2}', "not valid JSON"),
    "NaN": (b'{"a": NaN}', "not valid JSON"),
    "invalid UTF-8": (b'{"a": "\xff"}', "not valid JSON"),
    "NUL in a string": (b'{"a": "\x00"}', "not valid JSON"),
    "lone surrogate": (b'{"a": "\\ud800"}', "not valid JSON"),
    "null": (b"null", "expected an object, got null"),
    "array": (b"[]", "expected an object, got an array"),
    "string": (b'"a"', "expected an object, got a string"),
    "number": (b"1.5", "expected an object, got a number"),
    "boolean": (b"true", "expected an object, got a boolean"),
    "nested too deeply": (b'{"a":' * MAX_DEPTH + b"{}" + b"}" * MAX_DEPTH, "nested over 200 levels"),
    "nested beyond the parser": (b"[" * 5000 + b"]" * 5000, "not valid JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_document_is_refused(name: str) -> None:
    """Whatever is not one JSON object that could be written again is refused, with the reason."""
    body, reason = REFUSED[name]
    with pytest.raises(NotADocument, match=reason):
        read(body)


def test_the_text_is_never_quoted() -> None:
    """An error that is shown to clients and logs repeats nothing of the body."""
    with pytest.raises(NotADocument) as refused:
        read(b'{"password": hunter2}')
    assert "hunter2" not in str(refused.value)


def test_the_last_of_duplicate_keys_holds() -> None:
    """Of a duplicate key the last value counts, and only it is written again."""
    assert orjson.dumps(read(b'{"a": 1, "a": 2}')) == b'{"a":2}'


@pytest.mark.parametrize("opened", ["[", '{"a":'])
def test_the_deepest_document_that_is_read_can_be_written(opened: str) -> None:
    """What is nested as deeply as allowed survives, with room for the levels a dialect adds."""
    closed = "]" if opened == "[" else "}"
    body = '{"a":' + opened * (MAX_DEPTH - 1) + ("1" if opened != "[" else "") + closed * (MAX_DEPTH - 1) + "}"
    assert orjson.dumps([[[read(body.encode())]]])


def test_many_brackets_are_not_depth() -> None:
    """A flat document is read however many containers and brackets it has."""
    assert len(read_value(b"[" + b",".join([b'{"a": "[[{{"}'] * 10_000) + b"]")) == 10_000


json_values = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(json_values, st.integers(0, 12))
def test_strings_are_counted(value: Any, most: int) -> None:
    """Keys and values, at any depth."""

    def count(value: Any) -> int:
        if isinstance(value, dict):
            return len(value) + sum(map(count, value.values()))
        return sum(map(count, value)) if isinstance(value, list) else isinstance(value, str)

    document = {"a": value}
    assert has_more_strings(document, orjson.dumps(document), most) is (count(document) > most)
