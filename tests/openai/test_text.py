"""Where text lives in requests and whole answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.openai.places import ANY, BINARY, STRUCTURAL
from extproc.openai.text import Expected, request_slots, response_slots
from extproc.policies.verdict import Phase

REQUEST = {
    "model": "not text",
    "messages": [
        {"role": "system", "content": "a system prompt"},
        {"role": "user", "name": "Jo", "content": [{"type": "text", "text": "a part"}, {"type": "input_audio"}]},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "a thought",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "a result"},
        {"role": "user", "content": "why?", "x_note": {"deep": ["unheard of"]}},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "what f does",
                "parameters": {
                    "type": "object",
                    "properties": {"name": {"type": "string", "description": "a name", "enum": ["one"]}},
                },
            },
        }
    ],
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "s", "schema": {"type": "object", "description": "a schema"}},
    },
    "prediction": {"type": "content", "content": "a guess"},
    "user": "jo@example.com",
    "metadata": {"ticket": "a note"},
    "tool_choice": "auto",
    "temperature": 1,
}


def told(slots: Any) -> list[tuple[str, str, str]]:
    """Role, kind and text of each."""
    return [(slot.text.place.role, slot.text.place.kind, slot.text.text) for slot in slots]


def test_all_text_of_a_request_is_found_in_order() -> None:
    """Every role, part, tool call, tool definition and unknown field is yielded, and no structure is."""
    assert told(request_slots(REQUEST)) == [
        ("system", "content", "a system prompt"),
        ("user", "other", "Jo"),
        ("user", "content", "a part"),
        ("assistant", "reasoning", "a thought"),
        ("assistant", "tool_arguments", '{"a": 1}'),
        ("tool", "tool_result", "a result"),
        ("user", "content", "why?"),
        ("user", "other", "unheard of"),
        ("system", "tool_definition", "what f does"),
        ("system", "tool_definition", "a name"),
        ("system", "tool_definition", "one"),
        ("system", "tool_definition", "a schema"),
        ("assistant", "content", "a guess"),
        ("user", "other", "jo@example.com"),
        ("user", "other", "a note"),
    ]


def test_places_name_the_exact_field() -> None:
    """The path of a place leads to its string."""
    for slot in request_slots(REQUEST):
        node: Any = REQUEST
        for step in slot.text.place.path:
            node = node[step]
        assert node == slot.text.text
        assert slot.text.place.phase is Phase.REQUEST


def test_a_slot_writes_into_the_document() -> None:
    """What a policy rewrites is what the document says from then on."""
    document = {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}], "user": "b"}
    for slot in request_slots(document):
        slot.replace(slot.text.text.upper())
    assert document == {"messages": [{"role": "user", "content": [{"type": "text", "text": "A"}]}], "user": "B"}


def answer() -> dict[str, Any]:
    """An answer with two choices."""
    return {
        "id": "not text",
        "model": "not text",
        "citations": ["a source"],
        "choices": [
            {
                "index": 1,
                "finish_reason": "stop",
                "stop_reason": "a stop",
                "logprobs": {"content": [{"token": "hi"}]},
                "token_ids": [1],
                "message": {"role": "assistant", "content": "hi", "refusal": "no", "audio": {"transcript": "said"}},
            },
            {"index": 0, "logprobs": {"content": [{"token": "yo"}]}, "message": {"role": "assistant", "content": "yo"}},
            {"text": "a completion"},
        ],
    }


def test_all_text_of_an_answer_is_found_with_its_choice() -> None:
    """Every choice is judged, by its own index, and so are fields we have never heard of."""
    found = [(s.text.place.choice, s.text.place.kind, s.text.text) for s in response_slots(answer())]
    assert found == [
        (0, "other", "a source"),
        (1, "other", "a stop"),
        (1, "content", "hi"),
        (1, "refusal", "no"),
        (1, "content", "said"),
        (0, "content", "yo"),
        (2, "content", "a completion"),
    ]
    assert {slot.text.place.role for slot in response_slots(answer())} == {"assistant"}


def test_a_redaction_drops_what_spells_the_text_out() -> None:
    """Token probabilities and ids of a choice would give its redacted text away; other choices keep theirs."""
    document = answer()
    next(slot for slot in response_slots(document) if slot.text.text == "hi").replace("[X]")
    redacted, untouched, _ = document["choices"]
    assert (redacted["logprobs"], redacted["token_ids"], redacted["message"]["content"]) == (None, None, "[X]")
    assert untouched["logprobs"] == {"content": [{"token": "yo"}]}


def test_ten_thousand_messages_are_found() -> None:
    """Every one of very many messages is judged."""
    messages = [{"role": "user", "content": str(number)} for number in range(10_000)]
    assert [slot.text.text for slot in request_slots({"messages": messages})] == [str(n) for n in range(10_000)]


keys = st.sampled_from(["content", "text", "type", "id", "role", "tool_calls", "function", "name", "arguments", "x"])
nodes = st.recursive(
    st.text(alphabet="ab:;,", max_size=4) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def every_string(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all strings below a node, found in another way than the code under test does."""
    if isinstance(node, str):
        return [path]
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [found for key, value in pairs for found in every_string(value, (*path, key))]


@given(st.dictionaries(keys, nodes, max_size=5))
def test_no_string_of_a_message_is_passed_over(extra: dict[str, Any]) -> None:
    """Wherever a string is put into a message, it is judged, unless that very place is listed as structural."""
    message = {**extra, "role": "user"}
    found = {slot.text.place.path[2:] for slot in request_slots({"messages": [message]})}
    passed_over = set(every_string(message)) - found
    shapes = {tuple(ANY if isinstance(step, int) else step for step in path) for path in passed_over}
    assert shapes <= STRUCTURAL | BINARY
    assert found <= set(every_string(message))


@given(st.dictionaries(keys, nodes, max_size=5))
def test_no_string_of_a_choice_is_passed_over(message: dict[str, Any]) -> None:
    """The same holds of answers."""
    document = {"choices": [{"index": 0, "message": message}]}
    found = {slot.text.place.path[3:] for slot in response_slots(document)}
    shapes = {
        tuple(ANY if isinstance(step, int) else step for step in path) for path in set(every_string(message)) - found
    }
    assert shapes <= STRUCTURAL | BINARY


@pytest.mark.parametrize("document", [{"messages": []}, {"messages": [], "tools": None, "prediction": None}])
def test_a_request_without_text_has_no_slots(document: Any) -> None:
    """Nulls are nothing to judge."""
    assert request_slots(document) == []


def test_functions_are_known_by_the_requests_own_definitions() -> None:
    """Tools of both kinds, functions of old, and a tool that is described without a wrapper."""
    tools = [{"function": {"name": "a"}}, {"custom": {"name": "b"}}, {"name": "c"}, {"function": None}, {"name": 1}]
    assert Expected.by({"tools": tools, "functions": [{"name": "d"}]}).functions == {"a", "b", "c", "d"}
    assert Expected.by({"tools": None}).functions == frozenset()


def test_a_name_that_the_model_made_up_is_text() -> None:
    """A function's name is structure where the client defined it, and else the model's own words."""
    calls = [{"function": {"name": name, "arguments": ""}} for name in ("known", "unknown")]
    answer = {"choices": [{"index": 0, "message": {"tool_calls": calls}}]}
    found = [slot.text.text for slot in response_slots(answer, Expected(frozenset({"known"})))]
    assert found == ["", "unknown", ""]


def test_a_key_is_renamed_after_what_it_is_the_key_of() -> None:
    """Both are judged; writing both back leaves one member."""
    document = {"messages": [], "metadata": {"my key": "my value"}}
    for slot in request_slots(document):
        slot.replace(slot.text.text.upper())
    assert document["metadata"] == {"MY KEY": "MY VALUE"}
