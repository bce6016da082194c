"""text-embeddings-inference; tests/tables/embedding_tei_*.json has its rows."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import UnsupportedParameter, UpstreamFailed
from extproc.sagemaker.embedding import tei


def test_what_tei_has_no_place_for_is_refused_by_name(container: Any) -> None:
    """Never dropped silently."""
    with pytest.raises(UnsupportedParameter) as refused:
        container.asked(tei, input_type="query")
    assert refused.value.param == "input_type"


def test_scores_are_no_vectors(container: Any) -> None:
    """A reranker behind the target answers with objects."""
    with pytest.raises(UpstreamFailed):
        container.answered(tei, [{"index": 0, "score": 0.5}])


def test_a_batch_is_not_mistaken_for_one_vector(container: Any) -> None:
    """Two numbers for two texts are two scores, say; of one text they would be its vector."""
    assert container.answered(tei, [0.5, 0.25])["data"][0]["embedding"] == [0.5, 0.25]
    with pytest.raises(UpstreamFailed):
        container.answered(tei, [0.5, 0.25], input=["a", "b"])
