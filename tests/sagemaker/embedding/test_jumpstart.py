"""JumpStart's text embedding; tests/tables/embedding_jumpstart_*.json has its rows."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import UnsupportedParameter, UpstreamFailed
from extproc.sagemaker.embedding import jumpstart


def test_it_has_no_settings(container: Any) -> None:
    """Each is refused by name."""
    with pytest.raises(UnsupportedParameter) as refused:
        container.asked(jumpstart, truncate=True)
    assert refused.value.param == "truncate"


@pytest.mark.parametrize("answer", [{}, {"embedding": None}, {"embedding": [[["a"]]]}, [[1.0]]])
def test_what_has_no_vectors_is_no_answer(container: Any, answer: Any) -> None:
    """Whatever it has instead."""
    with pytest.raises(UpstreamFailed):
        container.answered(jumpstart, answer)
