"""Groups of targets whose containers do not speak alike: who can take a request, and in which words."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.ask import ATTEMPTS, Asked, ask
from extproc.config.runtime import Runtime
from extproc.errors import UnsupportedParameter
from extproc.record import ExchangeRecord
from extproc.testing import NOW, chat_body, credentials_for, make_runtime, make_target

WEST = make_target("west", region="us-west-2", host="west.example", port=8443)


def asking(runtime: Runtime, **fields: Any) -> tuple[Asked, ExchangeRecord]:
    """What becomes of a chat request with these fields, and what is recorded of it."""
    record = ExchangeRecord(started=NOW, config={})
    body, guard = chat_body("Hi", **fields).body, runtime.chain.guard()
    asked = ask(body, runtime=runtime, guard=guard, credentials=credentials_for(runtime), record=record, now=NOW)
    return asked, record


def attempts(asked: Asked) -> dict[str, dict[str, str]]:
    """What each attempt is to send, by target."""
    listed: dict[str, dict[str, str]] = asked.metadata[ATTEMPTS]
    return listed


TEXT = {"format": "tgi", "prompt_template": "llama3"}


def test_a_target_that_cannot_express_the_request_is_passed_over() -> None:
    """Another of the group takes it; the record says which."""
    runtime = make_runtime(make_target("east", **TEXT), WEST)
    asked, record = asking(runtime, n=2)
    assert (record.planned, tuple(attempts(asked))) == (("west",), ("west",))
    assert orjson.loads(asked.body)["n"] == 2


def test_what_no_target_can_express_is_refused_by_name() -> None:
    """With the first target's refusal."""
    with pytest.raises(UnsupportedParameter) as refused:
        asking(make_runtime(make_target("east", **TEXT)), n=2)
    assert refused.value.param == "n"


def test_targets_that_prompt_differently_have_bodies_of_their_own() -> None:
    """Envoy holds the first; the second's goes with its attempt."""
    other = make_target("west", format="tgi", prompt_template="chatml")
    asked, _ = asking(make_runtime(make_target("east", **TEXT), other))
    assert b"<|start_header_id|>" in asked.body
    assert "<|im_start|>" in attempts(asked)["west"]["body"]


def test_an_accepted_licence_is_sent_and_signed() -> None:
    """By the attempts at that target alone."""
    runtime = make_runtime(make_target("east", accept_eula=True), WEST)
    asked, _ = asking(runtime)
    name = "x-amzn-sagemaker-custom-attributes"
    assert [attempt.get(name) for attempt in attempts(asked).values()] == ["accept_eula=true", None]
    assert name in attempts(asked)["east"]["authorization"]
