"""The escapes of a call's arguments: away for the policies, back for whoever parses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.openai.escapes import Escaping, Unescaping, escaped, unescaped

NESTED = st.recursive(
    st.text(st.characters(exclude_categories=())) | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("given_", "plain"),
    [
        (r'{"a":"jo\u0040example.com"}', '{"a":"jo@example.com"}'),
        (r'"\u00e9\/\u20ac"', '"é/€"'),
        (r'"\ud83d\ude00"', '"😀"'),
        (r'"\\u0040"', r'"\\u0040"'),
        (r'"\"\\\n078-05-1120\t"', '"\\"\\\\\n078-05-1120\t"'),
        (r'"\u0022\u005c\u000a1"', '"\\"\\\\\n1"'),
        (r'"\ud83d1 \ude00"', '"\ud83d1 \ude00"'),
        ("no escape", "no escape"),
        ("cut \\u00", "cut \\u00"),
        (r'"\q"', r'"\q"'),
    ],
)
def test_what_policies_read_has_no_escapes(given_: str, plain: str) -> None:
    """No letter of an escape stands before or in what they look for; quotes and backslashes keep their backslash."""
    assert unescaped(given_) == plain


@pytest.mark.parametrize(
    ("judged", "told"),
    [
        ('{\n  "a": "b\nc\t",\r\n  "d": 1\n}', '{\n  "a": "b\\nc\\t",\r\n  "d": 1\n}'),
        ('"\x01\b\f"', '"\\u0001\\b\\f"'),
        ('"a\\"\n\\\\"\n', '"a\\"\\n\\\\"\n'),
        ('"\ud83d"', '"\\ud83d"'),
        ("no JSON\n", "no JSON\n"),
        ('"[SSN_REDACTED]\n', '"[SSN_REDACTED]\\n'),
    ],
)
def test_what_goes_on_has_those_that_json_demands(judged: str, told: str) -> None:
    """Inside strings; how the JSON is laid out stays."""
    assert escaped(judged) == told


@given(value=NESTED, ascii_=st.booleans(), indent=st.none() | st.integers(0, 2))
def test_the_meaning_stays(value: object, ascii_: bool, indent: int | None) -> None:
    """Parsed, what came and what goes on are the same value, and it can be sent as UTF-8."""
    # A lone surrogate cannot have come in otherwise than escaped.
    text = json.dumps(value, indent=indent)
    if not ascii_:
        text = json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8", "replace").decode()
    told = escaped(unescaped(text))
    assert json.loads(told) == json.loads(text)
    assert told.encode()


PIECES = ["\\", "u", "u0040", "d83d", "\\ud83d", "\\ude00", "\\u00e9", '"', "/", "n", "x", "0", "é", "\n", "\\n"]
PIECES += ["\ud800"]


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12), cuts=st.lists(st.integers(0, 60), max_size=8))
def test_cuts_do_not_matter(pieces: list[str], cuts: list[int]) -> None:
    """In pieces it comes out as it does whole, both ways, nonsense too."""
    text = "".join(pieces)
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    parts = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    unescaping, escaping = Unescaping(), Escaping()
    assert "".join(map(unescaping.push, parts)) + unescaping.finish() == unescaped(text)
    assert "".join(map(escaping.push, parts)) == escaped(text)
