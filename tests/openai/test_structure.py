"""Ids, counts and reasons of an answer hold nothing else; arguments are JSON in one spelling, however it was cut."""

from __future__ import annotations

import json

import pytest

from extproc.openai import structure

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
