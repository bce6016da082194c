"""Whole answers, checked and told in the client's terms."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.openai.whole_answer import NotAnAnswer, finish


def test_the_model_is_echoed_as_the_client_named_it() -> None:
    """A container's own name of the model is replaced, and what it left out is filled in."""
    assert finish({"model": "/opt/ml/model", "choices": [{"message": {"content": "Hi"}}], "x": 1}, "m") == {
        "object": "chat.completion",
        "model": "m",
        "choices": [{"message": {"role": "assistant", "content": "Hi"}}],
        "x": 1,
    }


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": {}},
        {"choices": [None]},
        {"choices": [{}]},
        {"choices": [{"message": "Hi"}]},
        {"choices": [{"message": {"content": "Hi"}}, {"delta": {}}]},
        {"choices": [{"message": {"content": "Hi"}, "finish_reason": "error"}]},
    ],
)
def test_what_is_no_completion_is_refused(document: Any) -> None:
    """A client's SDK would stumble over an answer without choices or messages; a failed generation is no answer."""
    with pytest.raises(NotAnAnswer):
        finish(document, "m")
