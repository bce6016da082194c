"""The echoing container: what it answers, and what it refuses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.emulator.container import ContainerRefused, complete, parse
from extproc.emulator.knobs import DEFAULT, Knobs


def answer(document, knobs=DEFAULT):
    """The completion of a request."""
    return complete(document, knobs, "my-endpoint", 1_790_000_000, 7)


def asking(text, **fields):
    """A request with one user message."""
    return {"messages": [{"role": "user", "content": text}], **fields}


@given(st.text())
def test_the_answer_is_the_last_user_message(text) -> None:
    """Whatever the text, the tokens joined are it, spaces and line ends included."""
    expected = text
    if text.startswith("reason:"):
        expected = text.removeprefix("reason:").partition("||")[2]
    assert "".join(answer(asking(text)).tokens) == expected


def test_tokens_are_words() -> None:
    """A token is a word with the space before it; trailing space is one of its own."""
    assert answer(asking("  one two\nthree ")).tokens == ("  one", " two", "\nthree", " ")


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([{"role": "user", "content": "first"}, {"role": "assistant", "content": "no"}], "first"),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "tool", "content": "c"}], "b"),
        ([{"role": "user", "content": [{"type": "text", "text": "a "}, {"type": "image_url"}, {"text": "b"}]}], "a b"),
        ([{"role": "user", "content": None}], ""),
        ([{"role": "system", "content": "only"}], ""),
    ],
)
def test_the_last_user_message_is_found(messages, text) -> None:
    """Later messages of other roles are passed over, and content parts are joined."""
    assert "".join(answer({"messages": messages}).tokens) == text


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_limit_cuts_the_answer(field) -> None:
    """An answer over the limit is cut there and ends for its length; one at the limit does not."""
    cut = answer(asking("a b c", **{field: 2}))
    assert (cut.tokens, cut.finish_reason, cut.usage["completion_tokens"]) == (("a", " b"), "length", 2)
    assert answer(asking("a b c", **{field: 3})).finish_reason == "stop"


def test_usage_is_counted_over_all_choices() -> None:
    """Prompt tokens are the words of all messages; every choice's tokens are completion tokens."""
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "a b c"}]
    usage = answer({"messages": messages, "n": 3}).usage
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (5, 9, 14)


def test_a_tool_is_called_when_there_is_one() -> None:
    """`call:` with tools calls the first of them, with arguments in pieces; without tools it is text."""
    tools = [{"type": "function", "function": {"name": "weather"}}, {"type": "function", "function": {"name": "other"}}]
    called = answer(asking('call:{"city":"Paris"}', tools=tools))
    name, pieces = called.tool
    assert (name, "".join(pieces), called.tokens, called.finish_reason) == (
        "weather",
        '{"city":"Paris"}',
        (),
        "tool_calls",
    )
    assert len(pieces) > 1
    assert answer(asking("call:x")).tool is None
    assert answer(asking("say x", tools=tools)).tool is None


def test_reasoning_is_asked_for_by_a_marker() -> None:
    """The text between `reason:` and `||` is reasoning, the rest the answer."""
    reasoned = answer(asking("reason:let me think||the answer"))
    assert ("".join(reasoned.reasoning), "".join(reasoned.tokens)) == ("let me think", "the answer")


def test_knobs_replace_the_answer() -> None:
    """Text, reasoning, number and size of tokens, and the finish reason can be set."""
    made = answer(asking("x"), Knobs(text="abcde", reasoning="why", token_chars=2, finish_reason="content_filter"))
    assert (made.tokens, made.reasoning, made.finish_reason) == (("ab", "cd", "e"), ("why",), "content_filter")
    many = answer(asking("x"), Knobs(tokens=500))
    assert len(many.tokens) == 500
    assert "".join(many.tokens[:3]) == "alpha bravo charlie"


def test_model_stream_and_usage_are_as_asked() -> None:
    """The model is the request's or the endpoint's; streaming and usage only when asked for with true."""
    plain, asked = (
        answer(asking("x")),
        answer(asking("x", model="m", stream=True, stream_options={"include_usage": True})),
    )
    assert (plain.model, plain.stream, plain.include_usage) == ("my-endpoint", False, False)
    assert (asked.model, asked.stream, asked.include_usage) == ("m", True, True)
    assert not answer(asking("x", stream="true", stream_options=1)).stream


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"messages": None},
        {"messages": []},
        {"messages": ["x"]},
        asking("x", n=0),
        asking("x", n="1"),
        asking("x", n=129),
    ],
    ids=str,
)
def test_what_vllm_refuses_is_refused(document) -> None:
    """No messages, or an impossible number of choices, is the container's own 400 in OpenAI's shape."""
    with pytest.raises(ContainerRefused) as refused:
        answer(document)
    error = json.loads(refused.value.body)["error"]
    assert (refused.value.status, error["code"], error["type"]) == (400, 400, "BadRequestError")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff"])
def test_a_body_that_is_no_object_is_refused(body) -> None:
    """Not JSON, or JSON of another kind, is the container's 400."""
    with pytest.raises(ContainerRefused):
        parse(body)
