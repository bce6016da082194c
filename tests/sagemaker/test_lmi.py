"""LMI's `inputs`; tests/tables/chat_lmi_*.json has its rows."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.errors import UnsupportedParameter
from extproc.openai.call import Call
from extproc.routing.targets import Target
from extproc.sagemaker import lmi

TARGET = Target(id="t", endpoint="e", models=("m",), region="us-east-1", prompt_template="chatml")


def body(**document: Any) -> dict[str, Any]:
    """The body of a request."""
    call = Call("m", False, False, {"messages": [{"role": "user", "content": "Hi"}], **document})
    sent: dict[str, Any] = orjson.loads(lmi.request(call, TARGET))
    return sent


def test_both_handlers_find_their_stops() -> None:
    """The rolling batch looks for stop_sequences, the asynchronous handler for stop, of any number."""
    sent = body(stop=["a", "b", "c", "d"])["parameters"]
    assert sent["stop"] == sent["stop_sequences"] == ["a", "b", "c", "d", "<|im_end|>"]


def test_the_handler_is_chosen_by_inputs() -> None:
    """A body with messages or a prompt would go to another handler."""
    assert list(body(model="m")) == ["inputs", "parameters"]


def test_the_likeliest_tokens_are_refused() -> None:
    """The asynchronous handler takes TGI's top_n_tokens for a number of answers."""
    with pytest.raises(UnsupportedParameter) as refused:
        body(logprobs=True, top_logprobs=2)
    assert refused.value.param == "top_logprobs"
