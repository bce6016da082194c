"""Cohere's form; tests/tables/embedding_cohere_*.json has its rows."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import UnsupportedParameter, UpstreamFailed
from extproc.sagemaker.embedding import cohere


@pytest.mark.parametrize(
    ("name", "value"), [("embedding_types", ["int8"]), ("embedding_types", ["float", "int8"]), ("images", ["a"])]
)
def test_what_openai_has_no_place_for_is_refused_by_name(container: Any, name: str, value: Any) -> None:
    """Other types of numbers, and what is no text."""
    with pytest.raises(UnsupportedParameter) as refused:
        container.asked(cohere, **{name: value})
    assert refused.value.param == name


@pytest.mark.parametrize("answer", [{"embeddings": {"int8": [[1]]}}, {"embeddings": {}}, {"embeddings": "x"}, [[1.0]]])
def test_what_has_no_floats_is_no_answer(container: Any, answer: Any) -> None:
    """Whatever it has instead."""
    with pytest.raises(UpstreamFailed):
        container.answered(cohere, answer)
