"""Voyage AI's form; tests/tables/embedding_voyage_*.json has its rows."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import UnsupportedParameter
from extproc.sagemaker.embedding import voyage


@pytest.mark.parametrize(("name", "value"), [("output_dtype", "int8"), ("prompt_name", "query"), ("truncate", True)])
def test_what_voyage_cannot_express_is_refused_by_name(container: Any, name: str, value: Any) -> None:
    """Numbers of other types have no place in OpenAI's answers; other names are not its own."""
    with pytest.raises(UnsupportedParameter) as refused:
        container.asked(voyage, **{name: value})
    assert refused.value.param == name


def test_the_clients_purpose_goes_before_the_targets(container: Any) -> None:
    """A search sends its queries by `input_type`, whatever the target is used for otherwise."""
    target = container.target(input_type="document")
    assert container.asked(voyage, target, input_type="query")["input_type"] == "query"
