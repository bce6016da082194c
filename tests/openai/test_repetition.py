"""Chunks that repeat the one before them but for their delta."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.openai import repetition
from extproc.openai.stream import Relay

HEAD = {"id": "c-1", "object": "chat.completion.chunk", "created": 5, "model": "/opt/ml/model"}


def chunk(delta: Any, **fields: Any) -> dict[str, Any]:
    """A chunk of one choice; `part` among the fields is what else that holds."""
    more = fields.pop("part", {})
    return {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": None, **more}], **fields}


def known(told: dict[str, Any]) -> repetition.Likeness | None:
    """What a chunk is like, if it may be repeated."""
    part = repetition.part_of(told)
    found = None if part is None else repetition.told(told, part)
    return None if found is None else repetition.Likeness(found, (), {})


PLAIN = chunk({"content": "a"})
OTHER = {
    "no delta": chunk(None),
    "an end": chunk({"content": "a"}, part={"finish_reason": "stop"}),
    "probabilities": chunk({"content": "a"}, part={"logprobs": {}}),
    "a part's field that is text": chunk({"content": "a"}, part={"note": None}),
    "no whole number": chunk({"content": "a"}, part={"index": False}),
    "no time": chunk({"content": "a"}, created=5.0),
    "usage": chunk({"content": "a"}, usage={"prompt_tokens": 1}),
    "an unknown field": chunk({"content": "a"}, note=None),
    "an error": chunk({"content": "a"}, error="no"),
    "no choice": {**HEAD, "choices": []},
    "two choices": {**HEAD, "choices": [*PLAIN["choices"], {"index": 1, "delta": {"content": "a"}}]},
}


@pytest.mark.parametrize("name", OTHER)
def test_only_what_was_looked_at_is_repeated(name: str) -> None:
    """A chunk with more to look at than its delta is no repetition of a plain one, and none is one of it."""
    likeness = known(PLAIN)
    other = copy.deepcopy(OTHER[name])
    part = repetition.part_of(other)
    assert likeness is not None
    assert known(other) is None
    assert part is None or not repetition.repeats(other, part, likeness)
    assert other == OTHER[name]


@pytest.mark.parametrize("fields", [{}, {"usage": None}, {"part": {"logprobs": None}}])
def test_another_delta_is_a_repetition(fields: dict[str, Any]) -> None:
    """The same chunk with another delta is one, and comes out as it went in; with another id it is none."""
    first, again = chunk({"content": "a"}, **copy.deepcopy(fields)), chunk({"role": "x"}, **copy.deepcopy(fields))
    likeness, part = known(first), repetition.part_of(again)
    before = copy.deepcopy(again)
    assert likeness is not None
    assert part is not None
    assert repetition.repeats(again, part, likeness)
    assert again == before
    again["id"] = "c-2"
    assert not repetition.repeats(again, part, likeness)


@pytest.mark.parametrize(
    ("delta", "name"),
    [
        ({"content": "a"}, "content"),
        ({"role": "assistant", "content": "a"}, None),
        ({"reasoning": "a"}, "reasoning"),
        ({"content": "a", "reasoning": "b"}, None),
        ({"content": "a", "jane@example.com": None}, None),
        ({"content": "a", "tool_calls": []}, None),
        ({"content": ""}, None),
        ({"content": ["a"]}, None),
        ({"note": "a"}, None),
        ({}, None),
    ],
)
def test_a_delta_of_nothing_but_text(delta: dict[str, Any], name: str | None) -> None:
    """It is told from one that holds anything else."""
    assert repetition.text_of(delta) == name


PIECES = st.sampled_from(["a", "se", "cret", "secret ", "po", "ison", " b", ""])
CHUNKS = st.builds(
    lambda text, kind: chunk({**kind[0], kind[1]: text}, **copy.deepcopy(kind[2])),
    PIECES,
    st.sampled_from(
        [
            ({}, "content", {}),
            ({}, "content", {}),
            ({}, "content", {"id": "not a name", "usage": None}),
            ({"role": "assistant"}, "content", {}),
            ({}, "reasoning", {}),
            ({}, "content", {"part": {"index": 1}}),
            ({}, "content", {"part": {"logprobs": {"content": []}}}),
            ({}, "content", {"part": {"finish_reason": ""}}),
            ({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}, "content", {}),
            ({"tool_calls": [{"index": 1, "id": "b", "function": {"arguments": {"secret": 1}}}]}, "content", {}),
            ({"secret key": "sec"}, "content", {}),
            ({"refusal": None}, "content", {}),
            ({"role": "no name"}, "content", {}),
        ]
    ),
)


@given(st.lists(CHUNKS, max_size=12))
def test_a_repetition_is_sent_as_any_chunk(word_guard: Any, chunks: list[dict[str, Any]]) -> None:
    """What goes to the client is the same, to the byte, as when each chunk is looked at as if it were the first."""

    def through(relay: Relay, *, forgetting: bool) -> list[bytes]:
        told = []
        for each in copy.deepcopy(chunks):
            told.append(orjson.dumps(relay.push(each)))
            if forgetting:
                relay._likenesses.clear()
        return [*told, orjson.dumps(relay.finish()), repr((relay.block, relay.take_findings())).encode()]

    quick = through(Relay(word_guard(), "m", include_usage=False), forgetting=False)
    assert quick == through(Relay(word_guard(), "m", include_usage=False), forgetting=True)
