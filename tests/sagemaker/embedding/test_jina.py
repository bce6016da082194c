"""Jina AI's form; tests/tables/embedding_jina_*.json has its rows."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import UnsupportedParameter
from extproc.sagemaker.embedding import jina


def test_what_jina_has_no_place_for_is_refused_by_name(container: Any) -> None:
    """Several vectors for one text, say, which OpenAI's answers have no place for."""
    with pytest.raises(UnsupportedParameter) as refused:
        container.asked(jina, return_multivector=True)
    assert refused.value.param == "return_multivector"


def test_the_clients_task_goes_before_the_targets(container: Any) -> None:
    """A search sends its queries by `task`, whatever the target is used for otherwise."""
    target = container.target(input_type="retrieval.passage")
    assert container.asked(jina, target, task="retrieval.query")["parameters"] == {"task": "retrieval.query"}
