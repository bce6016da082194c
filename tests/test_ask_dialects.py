"""Groups of targets whose containers do not speak alike: who can take a request, and in which words."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.errors import UnsupportedParameter
from extproc.testing import make_runtime, make_target

WEST = make_target("west", region="us-west-2", host="west.example", port=8443)


TEXT = {"format": "tgi", "prompt_template": "llama3"}


def test_a_target_that_cannot_express_the_request_is_passed_over(asking: Any) -> None:
    """Another of the group takes it; the record says which."""
    runtime = make_runtime(make_target("east", **TEXT), WEST)
    asked, record = asking(runtime, n=2)
    assert (record.planned, tuple(asking.attempts(asked))) == (("west",), ("west",))
    assert orjson.loads(asked.body)["n"] == 2


def test_what_no_target_can_express_is_refused_by_name(asking: Any) -> None:
    """With the first target's refusal."""
    with pytest.raises(UnsupportedParameter) as refused:
        asking(make_runtime(make_target("east", **TEXT)), n=2)
    assert refused.value.param == "n"


def test_targets_that_prompt_differently_have_bodies_of_their_own(asking: Any) -> None:
    """Envoy holds the first; the second's goes with its attempt."""
    other = make_target("west", format="tgi", prompt_template="chatml")
    asked, _ = asking(make_runtime(make_target("east", **TEXT), other))
    assert b"<|start_header_id|>" in asked.body
    assert "<|im_start|>" in asking.attempts(asked)["west"]["body"]


def test_an_accepted_licence_is_sent_and_signed(asking: Any) -> None:
    """By the attempts at that target alone."""
    runtime = make_runtime(make_target("east", accept_eula=True), WEST)
    asked, _ = asking(runtime)
    name = "x-amzn-sagemaker-custom-attributes"
    assert [attempt.get(name) for attempt in asking.attempts(asked).values()] == ["accept_eula=true", None]
    assert name in asking.attempts(asked)["east"]["authorization"]
