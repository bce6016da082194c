"""Arguments of calls and documents are JSON: what is looked for in them may stand behind an escape."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.actions import Release, Replace
from extproc.events import ResponseBody
from extproc.openai.text import Expected
from extproc.policies.table import build
from extproc.testing import Playbook, answer_headers, chat_body, chat_headers, frame, play

# The second expression takes whatever stands before a quote: the backslash of an escaped one, too.
POLICIES = [build("pii-detector", {"detect_patterns": ['<[^<>"]*>', 'key=[^" ]*']})]
# Before a value, each of these; the arguments hold it as JSON writes it.
BEFORE = ["", "\n", "\t", "\r\n", "\b", "\f", "\x01", '"', "\\", "/", "🙂", " "]
VALUES = {
    "078-05-1120": "[SSN_REDACTED]",
    "jo@example.com": "[EMAIL_REDACTED]",
    "4111 1111 1111 1111": "[CREDIT_CARD_REDACTED]",
}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


# Where an answer holds JSON, and what the request says of it.
PLACES: dict[str, dict[str, Any]] = {
    "arguments": {"tools": [TOOL]},
    "content": {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}}},
}


def asked(place: str, *, stream: bool) -> Playbook:
    """A chat with a tool, or in JSON mode, asked."""
    return play(chat_headers(), chat_body("Hi", stream=stream, **PLACES[place]), policies=POLICIES)


def said(message: dict[str, Any], place: str) -> str:
    """The text of that place of a message or a delta."""
    if place == "content":
        return message.get("content") or ""
    return "".join(call["function"].get("arguments") or "" for call in message.get("tool_calls") or ())


def whole(text: str, place: str = "arguments") -> str:
    """JSON in a whole answer, as the client gets it."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": text}}
    there = {"content": text} if place == "content" else {"content": None, "tool_calls": [call]}
    body = {"choices": [{"index": 0, "message": {"role": "assistant", **there}, "finish_reason": "stop"}]}
    last = asked(place, stream=False).feed(answer_headers("east"), ResponseBody(orjson.dumps(body), True)).actions[-1]
    assert isinstance(last, Replace)
    return said(orjson.loads(last.body)["choices"][0]["message"], place)


def streamed(text: str, size: int, place: str = "arguments") -> str:
    """The same, streamed in pieces of so many characters."""
    playbook = asked(place, stream=True).feed(answer_headers("east", stream=True))
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    calls: list[dict[str, Any]] = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]
    calls += [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
    deltas = [{"content": piece} for piece in pieces] if place == "content" else [{"tool_calls": [c]} for c in calls]
    for delta in deltas:
        part = {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        playbook.feed(ResponseBody(frame(b"data: " + orjson.dumps(part) + b"\n\n")))
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    playbook.feed(ResponseBody(frame(b"data: " + orjson.dumps(end) + b"\n\ndata: [DONE]\n\n"), True))
    raw = b"".join(action.body for action in playbook.actions if isinstance(action, Release))
    chunks = [orjson.loads(event[6:]) for event in raw.split(b"\n\n") if event not in (b"", b"data: [DONE]")]
    return "".join(said(choice["delta"], place) for chunk in chunks for choice in chunk["choices"])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("ascii_", [False, True])
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("before", BEFORE, ids=ascii)
def test_no_escape_hides_a_value(before: str, value: str, ascii_: bool, place: str) -> None:
    """It is redacted behind any of them, and what is left is JSON that says the rest."""
    given_ = json.dumps({"a": f"x{before}" if before == " " else before, "b": before + value}, ensure_ascii=ascii_)
    expected = {"a": f"x{before}" if before == " " else before, "b": before + VALUES[value]}
    assert json.loads(whole(given_, place)) == expected
    for size in (1, 2, 3, 7, 100):
        assert json.loads(streamed(given_, size, place)) == expected


@pytest.mark.parametrize("escape", [r"\u000a", r"\u0009", r"\u0022", r"\u005c", r"\ud83d", r"\u0020", r"\u002d"])
def test_no_long_escape_hides_a_value(escape: str) -> None:
    """Not even those that nobody needs, nor half of a character."""
    given_ = f'{{"a": "{escape}078-05-1120{escape}"}}'
    for told in (whole(given_), *(streamed(given_, size) for size in (1, 4, 9))):
        assert "1120" not in told
        assert json.loads(told)["a"] == json.loads(f'"{escape}[SSN_REDACTED]{escape}"')


PIECES = ["key=", "<", ">", '"', "\\", "\n", " ", "a", "078-05-1120", "\u2028", "日"]
texts = st.text() | st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


numbers = st.integers() | st.sampled_from([4111111111111111, 5500005555555559])


@given(
    st.dictionaries(texts, texts | numbers | st.lists(numbers, max_size=3)),
    st.integers(1, 20),
    st.sampled_from(list(PLACES)),
)
def test_a_stream_says_what_a_whole_answer_says(value: dict[str, Any], size: int, place: str) -> None:
    """To the letter, however it is cut; it is JSON, and nothing but what is redacted has changed."""
    text = json.dumps(value)
    told = whole(text, place)
    assert streamed(text, size, place) == told
    left = json.loads(told)
    assert left == value or "REDACTED" in told


def test_json_is_judged_so_only_where_it_was_asked_for() -> None:
    """The content of any other answer is text: what a backslash stands before is the model's own."""
    text = r'{"a": "C:\new\078-05-1120"}'
    message = {"role": "assistant", "content": text}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    playbook = play(chat_headers(), chat_body("Hi"), policies=POLICIES)
    last = playbook.feed(answer_headers("east"), ResponseBody(orjson.dumps(body), True)).actions[-1]
    assert isinstance(last, Replace)
    assert said(orjson.loads(last.body)["choices"][0]["message"], "content") == r'{"a": "C:\new\[SSN_REDACTED]"}'


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json", "value": {}}},
        {"structured_outputs": {"json": {"type": "object"}}},
        {"structured_outputs": {"json_object": True}},
        {"grammar": {"type": "json", "value": {}}},
    ],
    ids=str,
)
def test_every_word_for_json_is_known(fields: dict[str, Any]) -> None:
    """OpenAI's, vLLM's and TGI's."""
    assert Expected.by(fields).document("content")
    assert not Expected.by(fields).document("reasoning")


@pytest.mark.parametrize("fields", [{}, {"response_format": {"type": "text"}}, {"grammar": "root ::= x"}], ids=str)
def test_other_formats_are_no_json(fields: dict[str, Any]) -> None:
    """A regular expression, a grammar, or nothing said."""
    assert not Expected.by(fields).document("content")


@pytest.mark.parametrize("role", ["user", "tool"])
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("before", BEFORE, ids=ascii)
def test_no_escape_hides_a_value_in_a_document_of_a_request(before: str, value: str, role: str) -> None:
    """What a tool returned, or a user pasted, goes upstream without the value, and is JSON as before."""
    messages = [{"role": role, "content": json.dumps([before + value]), "tool_call_id": "c"}]
    sent = play(chat_headers(), chat_body("", messages=messages), policies=POLICIES).actions[-1]
    assert isinstance(sent, Replace)
    assert json.loads(orjson.loads(sent.body)["messages"][0]["content"]) == [before + VALUES[value]]


NUMBERS = '{"card": 4111111111111111, "more": [5500005555555559,\n4111111111111111], "n": 7}'
QUOTED = {"card": "[CREDIT_CARD_REDACTED]", "more": ["[CREDIT_CARD_REDACTED]"] * 2, "n": 7}


@pytest.mark.parametrize("place", PLACES)
def test_a_redacted_number_becomes_a_string(place: str) -> None:
    """Whole and streamed, so that the answer is still JSON."""
    assert json.loads(whole(NUMBERS, place)) == QUOTED
    for size in (1, 2, 5, 100):
        assert streamed(NUMBERS, size, place) == whole(NUMBERS, place)


@pytest.mark.parametrize("role", ["user", "tool"])
def test_a_redacted_number_becomes_a_string_in_a_request(role: str) -> None:
    """In a document that needs no escapes, too."""
    messages = [{"role": role, "content": NUMBERS, "tool_call_id": "c"}]
    sent = play(chat_headers(), chat_body("", messages=messages), policies=POLICIES).actions[-1]
    assert isinstance(sent, Replace)
    assert json.loads(orjson.loads(sent.body)["messages"][0]["content"]) == QUOTED


def test_a_document_in_which_nothing_is_found_goes_on_as_it_came() -> None:
    """Escapes that nobody needs are the client's own."""
    text = r'{"a": "\/ \u0041 \u00e9 \n"}'
    sent = play(chat_headers(), chat_body(text), policies=POLICIES).actions[-1]
    assert isinstance(sent, Replace)
    assert orjson.loads(sent.body)["messages"][0]["content"] == text


@pytest.mark.parametrize("place", PLACES)
def test_an_answer_is_the_same_where_no_policy_reads_it(place: str) -> None:
    """Its JSON is written alike, and it is recorded alike, whether policies found nothing or there are none."""
    told = []
    for policies in (POLICIES, []):
        text = r'{"a": "\u0041\/"}'
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": text}}
        message = {"role": "assistant", "content": text, "tool_calls": [call]}
        body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9}}
        playbook = play(chat_headers(), chat_body("Hi", **PLACES[place]), policies=policies)
        playbook.feed(answer_headers("east"), ResponseBody(orjson.dumps(body), True)).ends("served")
        record = playbook.exchange.record
        assert record.judged
        told.append((playbook.actions[-1], {**record.document(), "policies": None}))
    assert told[0] == told[1]
    assert said(orjson.loads(told[0][0].body)["choices"][0]["message"], place) == '{"a": "A/"}'
