"""The bytes around the text of an event."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.openai.template import MOST, PROBE, Template, around_last, around_probe

EVENT = Template(b'data: {"a": ', b"}\n\n")


@given(st.text())
def test_a_text_is_read_as_it_was_written(text: str) -> None:
    """Whatever it holds, and whoever wrote it: with escapes or without."""
    assert EVENT.read(EVENT.write(text)) == text
    assert EVENT.read(EVENT.before + json.dumps(text).encode("utf-8", "replace") + EVENT.after) == text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'data: {"a": "x"}\n',
        b'data: {"b": "x"}\n\n',
        b'data: {"a": "x", "b": "y"}\n\n',
        b'data: {"a": "x" }\n\n',
        b'data: {"a": "x"}\n\ndata: {"a": "y"}\n\n',
        b'data: {"a": \n"x"}\n\n',
        b'data: {"a": "x"\n}\n\n',
        b'data: {"a": "x\ny"}\n\n',
        b'data: {"a": "\xff"}\n\n',
        b'data: {"a": "\\ud800"}\n\n',
        b'data: {"a": "\\x"}\n\n',
        b'data: {"a": "}\n\n',
        b'data: {"a": null}\n\n',
        b'data: {"a": }\n\n',
    ],
)
def test_what_is_more_than_a_text_is_not_read(data: bytes) -> None:
    """Other bytes around it, a second value, a line that ends elsewhere, or no string of JSON."""
    assert EVENT.read(data) is None


def test_a_long_event_is_not_read() -> None:
    """The limits of lines and documents are for others to look at."""
    room = MOST - len(EVENT.write(""))
    assert EVENT.read(EVENT.write("x" * room)) == "x" * room
    assert EVENT.read(EVENT.write("x" * (room + 1))) is None


def test_bytes_that_share_a_quote_hold_no_text() -> None:
    """What is before and what is after may not overlap."""
    assert Template(b'{"a":', b'"}').read(b'{"a":"}') is None
    assert Template(b'{"', b'"}').read(b'{"}') is None


def test_the_bytes_around_a_probe() -> None:
    """There must be one, and only one."""
    assert around_probe(EVENT.write(PROBE)) == EVENT
    assert around_probe(EVENT.write("another")) is None
    assert around_probe(orjson.dumps([PROBE, PROBE])) is None


@pytest.mark.parametrize(
    ("data", "before"),
    [
        (b'data: {"content":"x","index":0}\n\n', b'data: {"content":'),
        (b'{"content" : "x"}\n', b'{"content" : '),
        (b'{"content":"x","delta":{"content":"y"}}\n', b'{"content":"x","delta":{"content":'),
        (b'{"content":"say \\"content\\":\\"no\\" \\\\"}', b'{"content":'),
        (b': a comment\ndata: {"content":"x"}\n\n', b': a comment\ndata: {"content":'),
        (b'{"content":\n"x"}\n', None),
        (b'{"content":null}\n', None),
        (b'{"content":"x', None),
        (b'{"text":"x"}\n', None),
        (b'{"content":"' + b"x" * 10_000 + b'"}\n', None),
    ],
)
def test_the_last_string_of_a_name(data: bytes, before: bytes | None) -> None:
    """It is found in a short event, whatever the text holds; name and text stand in one line."""
    found = around_last("content", data)
    assert (None if found is None else found.before) == before
    assert found is None or data.startswith(found.before)
    assert found is None or data.endswith(found.after)
