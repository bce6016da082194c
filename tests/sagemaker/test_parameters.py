"""What of OpenAI's parameters goes to which container, and what is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extproc.errors import UnsupportedParameter
from extproc.openai.call import Call
from extproc.routing.targets import Target
from extproc.sagemaker.parameters import EXPRESSED, MAX_STOP_CHARACTERS, ends, max_new_tokens, sampling, stops
from extproc.translate import TRANSLATORS, translator

TABLES = Path(__file__).parent.parent / "tables"
TOOL = {"type": "function", "function": {"name": "f"}}
# A value of each parameter that asks for something, and the dialects that can give it.
VALUES: dict[str, tuple[Any, set[str]]] = {
    "tools": ([TOOL], set()),
    "functions": ([{"name": "f"}], set()),
    "tool_choice": ("required", set()),
    "function_call": ({"name": "f"}, set()),
    "response_format": ({"type": "json_object"}, set()),
    "n": (2, set()),
    "logit_bias": ({"50256": -100}, set()),
    "modalities": (["text", "audio"], set()),
    "audio": ({"voice": "alloy", "format": "wav"}, set()),
    "prediction": ({"type": "content", "content": "x"}, set()),
    "reasoning_effort": ("high", set()),
    "verbosity": ("low", set()),
    "web_search_options": ({}, set()),
    "guided_json": ({}, set()),
    "a field that nobody knows": (1, set()),
    "presence_penalty": (0.5, {"lmi"}),
    "frequency_penalty": (0.5, {"tgi", "lmi"}),
    "logprobs": (True, {"tgi", "lmi"}),
    "seed": (1, {"tgi", "lmi"}),
    "stop": (["END"], {"tgi", "lmi"}),
    "top_k": (5, {"tgi", "lmi", "lmi-dynamic-batch"}),
    "repetition_penalty": (1.1, {"tgi", "lmi", "lmi-dynamic-batch"}),
    "typical_p": (0.5, {"tgi"}),
    "min_p": (0.5, {"lmi"}),
    "temperature": (0.5, set(EXPRESSED)),
    "top_p": (0.5, set(EXPRESSED)),
    "max_tokens": (5, set(EXPRESSED)),
    "max_completion_tokens": (5, set(EXPRESSED)),
    "user": ("u", set(EXPRESSED)),
    "metadata": ({"a": "b"}, set(EXPRESSED)),
    "prompt_cache_key": ("k", set(EXPRESSED)),
}


def call(**document: Any) -> Call:
    """A call with that document."""
    return Call("m", False, False, {"messages": [{"role": "user", "content": "Hi"}], **document})


def target(**fields: Any) -> Target:
    """A target without defaults."""
    return Target(id="t", endpoint="e", models=("m",), region="us-east-1", **{"temperature": None, **fields})


def test_every_dialect_of_text_has_its_row() -> None:
    """The table and the translators name the same dialects; OpenAI's own format expresses everything."""
    assert {dialect for endpoint, dialect in TRANSLATORS if endpoint == "chat"} == {*EXPRESSED, "openai", "auto"}


@pytest.mark.parametrize("dialect", EXPRESSED)
@pytest.mark.parametrize("name", VALUES)
def test_a_parameter_is_expressed_or_refused_by_name(dialect: str, name: str) -> None:
    """Nothing is dropped: what has no place in the body has one in the refusal."""
    value, expressed = VALUES[name]
    asked, served = call(**{name: value}), target(prompt_template="plain")
    request = translator("chat", dialect).request
    if dialect in expressed:
        assert b"Hi" in request(asked, served)
        return
    with pytest.raises(UnsupportedParameter) as refused:
        request(asked, served)
    assert (refused.value.param, refused.value.http_status) == (name, 400)
    assert refused.value.openai_code == "unsupported_parameter"
    assert name in refused.value.message


@pytest.mark.parametrize("dialect", EXPRESSED)
def test_what_is_expressed_arrives(dialect: str) -> None:
    """Every field that a dialect claims changes the body that the container gets."""
    served = target(prompt_template="plain")
    request = translator("chat", dialect).request
    silent = {"logprobs", "user", "metadata", "prompt_cache_key"}  # asked for always, or not about the answer
    for name, (value, expressed) in VALUES.items():
        if dialect in expressed and name not in silent:
            assert request(call(**{name: value}), served) != request(call(), served), name


@pytest.mark.parametrize(
    ("stop", "expected"), [(None, ()), ("a", ("a",)), ("", ()), (["a", "", "b"], ("a", "b")), ([], ())]
)
def test_stops_are_a_list(stop: Any, expected: tuple[str, ...]) -> None:
    """OpenAI takes one as a string; an empty one would stop at once."""
    assert stops(call(stop=stop)) == expected


@pytest.mark.parametrize("stop", [list("abcde"), ["x" * (MAX_STOP_CHARACTERS + 1)]], ids=["too many", "too long"])
def test_stops_are_bounded(stop: list[str]) -> None:
    """What may become a stop is held back, so that it cannot be endless."""
    with pytest.raises(UnsupportedParameter) as refused:
        stops(call(stop=stop))
    assert refused.value.param == "stop"


def test_a_templates_ends_are_ends_too() -> None:
    """The client's first, then those that the model was trained with."""
    assert ends(call(stop="X"), target(prompt_template="llama2")) == ("X", "</s>")
    assert ends(call(), target()) == ()


@pytest.mark.parametrize(
    ("asked", "default", "temperature", "greedy"),
    [({}, None, None, False), ({}, 0.3, 0.3, False), ({}, 0.0, None, True), ({"temperature": 0}, 0.3, None, True)],
    ids=str,
)
def test_the_clients_temperature_holds_against_the_targets(
    asked: dict[str, Any], default: float | None, temperature: float | None, greedy: bool
) -> None:
    """And 0, whoever says it, is greedy decoding."""
    how = sampling(call(**asked), target(temperature=default))
    assert (how.temperature, how.greedy) == (temperature, greedy)


@pytest.mark.parametrize(
    ("asked", "fields", "limit"),
    [
        ({}, {}, 1024),
        ({}, {"max_context_tokens": 100_000}, 1024),
        ({}, {"max_context_tokens": 105}, 100),
        ({}, {"max_context_tokens": 5}, 1),
        ({"max_tokens": 200}, {"max_context_tokens": 105}, 200),
        ({}, {"max_context_tokens": 105, "max_tokens": 50}, 50),
    ],
    ids=str,
)
def test_a_limit_of_ours_leaves_room_for_the_prompt(asked: Any, fields: Any, limit: int) -> None:
    """TGI refuses a prompt that does not fit together with the limit; nobody asked for ours."""
    assert max_new_tokens(call(**asked), target(**fields)) == limit


def test_every_dialect_sends_a_limit() -> None:
    """LMI would stop after 30 tokens."""
    rows = [row for dialect in EXPRESSED for row in json.loads((TABLES / f"chat_{dialect}_requests.json").read_text())]
    assert all('"max_new_tokens":' in row["body"] or '"max_gen_len":' in row["body"] for row in rows)
