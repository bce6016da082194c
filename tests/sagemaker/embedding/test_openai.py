"""OpenAI's own form; tests/tables/embedding_openai_*.json has its rows."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import UpstreamFailed, UpstreamRejected
from extproc.sagemaker.embedding import openai

INDICES = {
    "twice the same": [0, 0],
    "a gap": [0, 2],
    "from one": [1, 2],
    "text": ["0", "1"],
    "of two types": [0, "1"],
    "one missing": [0, None],
    "negative": [-1, 0],
}


@pytest.mark.parametrize("name", INDICES)
def test_indices_that_name_no_order_are_no_answer(container: Any, name: str) -> None:
    """A vector given to the wrong text would never be noticed: better none."""
    data = [{"embedding": [1.0], **({} if index is None else {"index": index})} for index in INDICES[name]]
    with pytest.raises(UpstreamFailed):
        container.answered(openai, {"data": data}, input=["a", "b"])


def test_an_error_with_status_200_is_one(container: Any) -> None:
    """As vLLM's front end sends it."""
    with pytest.raises(UpstreamRejected, match="too many"):
        container.answered(openai, {"object": "error", "message": "too many inputs", "code": 400, "type": "BadRequest"})
