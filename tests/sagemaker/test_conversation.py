"""Messages as turns of text, and what is refused because it is none."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import UnsupportedParameter
from extproc.openai.call import Call
from extproc.sagemaker.conversation import Turn, alternating, merged, turns


def call(*messages: dict[str, Any]) -> Call:
    """A call with these messages."""
    return Call("m", stream=False, include_usage=False, document={"messages": list(messages)})


IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
CALLS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
REFUSED = [
    ({"role": "tool", "tool_call_id": "c", "content": "x"}, "messages[0].role"),
    ({"role": "critic", "content": "x"}, "messages[0].role"),
    ({"role": "user", "content": [{"type": "text", "text": "a"}, IMAGE]}, "messages[0].content[1]"),
    ({"role": "user", "content": [{"type": "input_audio"}]}, "messages[0].content[0]"),
    ({"role": "user", "content": [{}]}, "messages[0].content[0]"),
    ({"role": "assistant", "content": None, "tool_calls": CALLS}, "messages[0].tool_calls"),
    ({"role": "assistant", "content": None, "function_call": {"name": "f"}}, "messages[0].function_call"),
    ({"role": "user", "content": "x", "name": "bob"}, "messages[0].name"),
]


@pytest.mark.parametrize(("message", "param"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_no_text_is_refused_by_its_path(message: dict[str, Any], param: str) -> None:
    """Nothing of a conversation is dropped silently."""
    with pytest.raises(UnsupportedParameter) as refused:
        turns(call(message))
    assert refused.value.param == param
    assert param in refused.value.message


READ = [
    ({"role": "developer", "content": "x"}, Turn("system", "x", 0)),
    (
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        Turn("user", "ab", 0),
    ),
    ({"role": "assistant", "content": None, "refusal": "No."}, Turn("assistant", "No.", 0)),
    ({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, Turn("assistant", "No.", 0)),
    ({"role": "assistant", "content": None}, Turn("assistant", "", 0)),
    (
        {"role": "assistant", "content": "x", "refusal": None, "tool_calls": None, "annotations": [], "audio": None},
        Turn("assistant", "x", 0),
    ),
    ({"role": "assistant", "content": "x", "reasoning_content": "hm"}, Turn("assistant", "x", 0)),
]


@pytest.mark.parametrize(("message", "turn"), READ, ids=lambda value: value["role"] if isinstance(value, dict) else "")
def test_a_message_is_its_text(message: dict[str, Any], turn: Turn) -> None:
    """Also one that an SDK made of an earlier answer, with all the fields that are empty there."""
    assert turns(call(message)) == (turn,)


def talk(*roles: str) -> tuple[Turn, ...]:
    """Turns of these roles, numbered."""
    return tuple(Turn(role, str(at), at) for at, role in enumerate(roles))


def test_neighbours_are_joined() -> None:
    """Two messages of one role in a row are one turn, at the first one's place."""
    assert merged(talk("user", "user", "assistant")) == (Turn("user", "0\n\n1", 0), Turn("assistant", "2", 2))


@pytest.mark.parametrize(
    ("roles", "system", "said"),
    [
        (("system", "user"), "0", ["1"]),
        (("system", "system", "user"), "0\n\n1", ["2"]),
        (("user", "assistant", "user"), "", ["0", "1", "2"]),
        (("system",), "", ["0"]),
        (("system", "user", "assistant", "system"), "0", ["1", "2", "3"]),
        (("user", "system", "user"), "", ["0\n\n1\n\n2"]),
    ],
)
def test_turns_alternate(roles: tuple[str, ...], system: str, said: list[str]) -> None:
    """The system speaks first or as the user; the others take turns."""
    found, turned = alternating(talk(*roles))
    assert (found, [turn.text for turn in turned]) == (system, said)
    assert [turn.role for turn in turned] == ["user", "assistant", "user"][: len(turned)]
