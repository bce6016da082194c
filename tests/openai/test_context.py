"""The estimate of a request's tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from extproc.errors import ContextLengthExceeded
from extproc.openai.call import Call
from extproc.openai.context import check, completion_tokens, longest, prompt_tokens
from extproc.routing.targets import Target

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET = Target("t", "e", ("m",), "us-east-1", max_context_tokens=100)
TOOLS = [{"type": "function", "function": {"name": "f"}}]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}}


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"messages": [{"role": "user", "content": "a" * 40}]}, 10 + 4),
        ({"messages": [{"role": "user", "content": "a" * 41}]}, 11 + 4),
        ({"messages": [{"role": "user", "content": "日" * 40}]}, 30 + 4),
        ({"messages": [{"role": "user", "content": "a" * 20}] * 3}, 15 + 12),
        ({"messages": [{"role": "user", "content": [IMAGE, {"type": "text", "text": "a" * 40}]}]}, 10 + 4),
        ({"messages": [{"role": "user", "content": ""}], "tools": TOOLS}, -(-len(orjson.dumps(TOOLS)) // 4) + 4),
        ({"messages": [{"role": "user", "content": ""}], "user": "x" * 4000}, 4),
    ],
)
def test_the_prompt_is_estimated_from_its_bytes(call: Callable[..., Any], fields: Any, tokens: int) -> None:
    """A quarter of the UTF-8 bytes of all text and tools, and four a message; images and settings count nothing."""
    assert prompt_tokens(call(**fields)) == tokens


@pytest.mark.parametrize(
    ("kind", "fields", "tokens"),
    [
        ("completion", {"prompt": "a" * 41, "suffix": "b" * 40}, 11),
        ("completion", {"prompt": ["a" * 40, "日" * 40]}, 10 + 30),
        ("embedding", {"input": ["a"] * 5}, 5),
    ],
)
def test_texts_are_estimated_one_by_one(kind: str, fields: Any, tokens: int) -> None:
    """Without what a message costs."""
    assert prompt_tokens(Call("m", False, False, fields, kind)) == tokens


@pytest.mark.parametrize(
    ("fields", "of_target", "tokens"),
    [
        ({}, None, 0),
        ({}, 50, 50),
        ({"max_tokens": 7}, 50, 7),
        ({"max_tokens": 7, "max_completion_tokens": 9}, 50, 9),
        ({"max_tokens": None}, 50, 50),
    ],
)
def test_the_completion_is_what_was_asked_for(
    call: Callable[..., Any], fields: Any, of_target: int | None, tokens: int
) -> None:
    """The client's limit counts, else the target's."""
    target = Target("t", "e", ("m",), "us-east-1", max_tokens=of_target)
    assert completion_tokens(call(**fields), target) == tokens


@pytest.mark.parametrize(("characters", "fits"), [(384, True), (388, False)])
def test_a_request_over_the_context_is_refused(call: Callable[..., Any], characters: int, fits: bool) -> None:
    """Up to the last token it passes; over it, the message gives the limit and the estimate."""
    asked = call(messages=[{"role": "user", "content": "a" * characters}])
    if fits:
        check(asked, TARGET, longest(asked))
        return
    with pytest.raises(ContextLengthExceeded, match=r"100 tokens.*about 101") as refused:
        check(asked, TARGET, longest(asked))
    assert (refused.value.openai_code, refused.value.http_status) == ("context_length_exceeded", 400)


def test_the_completion_asked_for_counts(call: Callable[..., Any]) -> None:
    """A short prompt does not fit if too long an answer is asked for."""
    asked = call(max_tokens=95, messages=[{"role": "user", "content": "a" * 40}])
    with pytest.raises(ContextLengthExceeded, match="95 for the completion"):
        check(asked, TARGET, longest(asked))


def test_a_target_without_a_limit_takes_everything(call: Callable[..., Any]) -> None:
    """No max_context_tokens, no check."""
    unlimited = Target("t", "e", ("m",), "us-east-1")
    asked = call(messages=[{"role": "user", "content": "a" * 10_000}])
    assert check(asked, unlimited, longest(asked)) is None
