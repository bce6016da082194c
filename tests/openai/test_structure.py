"""Ids, counts and reasons of an answer hold nothing else; arguments are JSON in one spelling, however it was cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.openai import structure
from extproc.openai.structure import Unescaping, unescaped

ADDRESS = "jo@example.com"


@pytest.mark.parametrize("name", ["id", "created", "system_fingerprint", "service_tier"])
@pytest.mark.parametrize("value", [ADDRESS, [ADDRESS], {"x": ADDRESS}])
def test_what_does_not_belong_into_an_envelope_is_dropped(name: str, value: object) -> None:
    """No field that policies do not read can carry text."""
    document = {name: value, "object": ADDRESS, "model": ADDRESS}
    structure.envelope(document, "chat.completion", "m")
    assert document == {"object": "chat.completion", "model": "m"}


def test_a_proper_envelope_is_left_alone() -> None:
    """Ids, times, fingerprints and every count stay, nested ones too."""
    usage = {"prompt_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 2}, "cost": 0.5, "x": None}
    document = {"id": "c-1", "created": 1, "system_fingerprint": "fp_1", "service_tier": None, "usage": usage}
    expected = {**document, "object": "o", "model": "m"}
    structure.envelope(document, "o", "m")
    assert document == expected


@pytest.mark.parametrize(
    ("estimated", "kept"),
    [(["prompt_tokens", "completion_tokens"], True), ([], True), ([ADDRESS], False), (["total_tokens", []], False)],
)
def test_estimates_stay_marked(estimated: list[object], kept: bool) -> None:
    """Which counts a dialect had to guess is told in streams too; nothing else may stand there."""
    document = {"usage": {"prompt_tokens": 1, "estimated": estimated}}
    structure.envelope(document, "o", "m")
    assert document["usage"] == {"prompt_tokens": 1, **({"estimated": estimated} if kept else {})}


@pytest.mark.parametrize("usage", [ADDRESS, [1], {"a": ADDRESS}, {ADDRESS: 1}, {"a": [ADDRESS]}, {"a": {"b": ADDRESS}}])
def test_usage_holds_numbers_only(usage: object) -> None:
    """Whatever else a container reports there is left out."""
    document = {"usage": usage}
    structure.envelope(document, "o", "m")
    assert "@" not in json.dumps(document)


def test_a_choice_has_a_number_and_a_reason() -> None:
    """Anything else becomes its position, and a plain end."""
    part = {"index": ADDRESS, "finish_reason": "as " + ADDRESS, "token_ids": [1, ADDRESS]}
    structure.choice(part, 3)
    assert part == {"index": 3, "finish_reason": "stop", "token_ids": None}


def test_a_proper_choice_is_left_alone() -> None:
    """Null is no reason, and a reason may be one that we never heard of."""
    for part in ({"index": 1, "finish_reason": None, "token_ids": [1]}, {"finish_reason": "length_capped"}, {}):
        before = dict(part)
        structure.choice(part, 0)
        assert part == before


@pytest.mark.parametrize("arguments", [{ADDRESS: 4111}, [ADDRESS], 5, True])
def test_arguments_become_a_string(arguments: object) -> None:
    """TGI sent an object: its keys and numbers are the model's words as much as its strings."""
    message = {"tool_calls": [{"function": {"arguments": arguments}}], "function_call": {"arguments": arguments}}
    structure.calls(message)
    for told in (message["tool_calls"][0]["function"], message["function_call"]):
        assert json.loads(told["arguments"]) == arguments


@pytest.mark.parametrize(
    "message", [{}, {"tool_calls": None}, {"tool_calls": ["x", {"function": None}]}, {"tool_calls": [{"function": {}}]}]
)
def test_what_is_no_call_is_left_alone(message: dict[str, object]) -> None:
    """Nothing is added, whatever stands there."""
    before = json.dumps(message)
    structure.calls(message)
    assert json.dumps(message) == before


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        (r'{"a":"jo\u0040example.com"}', '{"a":"jo@example.com"}'),
        (r'"\u00e9\/\u20ac"', '"é/€"'),
        (r'"\ud83d\ude00"', '"😀"'),
        (r'"\\u0040"', r'"\\u0040"'),
        (r'"\"\\\n\t"', r'"\"\\\n\t"'),
        (r'"\u0022\u005c\u000a"', r'"\u0022\u005c\u000a"'),
        (r'"\ud83d x \ude00"', r'"\ud83d x \ude00"'),
        ("no escape", "no escape"),
        ("cut \\u00", "cut \\u00"),
    ],
)
def test_needless_escapes_are_resolved(escaped: str, plain: str) -> None:
    """A client's parser reads both alike; a policy reads only the plain one."""
    assert unescaped(escaped) == plain


@given(value=st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_the_meaning_stays(value: object) -> None:
    """Parsed, both spellings are the same value."""
    assert json.loads(unescaped(json.dumps(value))) == value


PIECES = ["\\", "u", "u0040", "d83d", "\\ud83d", "\\ude00", "\\u00e9", '"', "/", "n", "x", "0", "é"]


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12), cuts=st.lists(st.integers(0, 60), max_size=8))
def test_cuts_do_not_matter(pieces: list[str], cuts: list[int]) -> None:
    """In pieces it comes out as it does whole, nonsense too."""
    text = "".join(pieces)
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    unescaping, out, start = Unescaping(), "", 0
    for end in ends:
        out += unescaping.push(text[start:end])
        start = end
    assert out + unescaping.finish() == unescaped(text)
