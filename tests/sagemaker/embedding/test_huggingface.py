"""Feature extraction, pooled here; tests/tables/embedding_huggingface_*.json has its rows."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import UnsupportedParameter, UpstreamFailed
from extproc.sagemaker.embedding import huggingface

numbers = st.floats(-1e6, 1e6)
tokens = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=2, max_size=6)
)


@given(texts=st.lists(tokens, min_size=1, max_size=4), batches=st.integers(0, 2))
def test_pooling_is_that_of_the_statistics(container: Any, texts: list[list[list[float]]], batches: int) -> None:
    """The mean of each column, or the first row, however many batches of one stand around the tokens."""
    width = min(len(rows[0]) for rows in texts)
    texts = [[row[:width] for row in rows] for rows in texts]
    answer: Any = texts
    for _ in range(batches):
        answer = [[entry] for entry in answer]
    asked = {"input": ["a"] * len(texts)}
    for pooling in ("mean", "cls"):
        data = container.answered(huggingface, answer, container.target(pooling=pooling), **asked)["data"]
        for rows, entry in zip(texts, data, strict=True):
            expected = rows[0] if pooling == "cls" else [fmean(column) for column in zip(*rows, strict=True)]
            assert entry["embedding"] == pytest.approx(expected)


@pytest.mark.parametrize("answer", [[[[1.0, 2.0], [3.0]]], [[["a"], ["b"]]], [[[1.0], None]], ["text"], 5, [[]]])
def test_what_cannot_be_pooled_is_no_answer(container: Any, answer: Any) -> None:
    """Rows of different lengths, text, or nothing."""
    with pytest.raises(UpstreamFailed):
        container.answered(huggingface, answer)


def test_settings_of_other_servers_are_refused_by_name(container: Any) -> None:
    """The toolkit hands what it does not know to the pipeline, which fails."""
    with pytest.raises(UnsupportedParameter) as refused:
        container.asked(huggingface, normalize=True)
    assert refused.value.param == "normalize"
