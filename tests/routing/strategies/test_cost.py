"""`cost`: the cheapest for this request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extproc.routing.strategies import cost


@pytest.mark.parametrize(("prompt", "answer", "order"), [(1000, 10, "abc"), (10, 1000, "bac")])
def test_the_request_decides(ordered_by: Callable[..., list[str]], prompt: int, answer: int, order: str) -> None:
    """A target cheap at prompts wins long prompts, one cheap at answers long ones; without a price: last."""
    targets = {"c": {}, "a": {"pricing": (1.0, 9.0)}, "b": {"pricing": (5.0, 5.0)}}
    assert "".join(ordered_by(cost, targets, prompt_tokens=prompt, completion_tokens=answer)) == order
