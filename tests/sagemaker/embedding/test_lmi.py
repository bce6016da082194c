"""djl-serving's text embedding; tests/tables/embedding_lmi_*.json has its rows."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import UnsupportedParameter
from extproc.sagemaker.embedding import lmi


def test_it_has_no_settings(container: Any) -> None:
    """Each is refused by name; what is about the call alone is not."""
    with pytest.raises(UnsupportedParameter) as refused:
        container.asked(lmi, dimensions=5)
    assert refused.value.param == "dimensions"
    assert container.asked(lmi, user="u", encoding_format="base64", dimensions=None) == {"inputs": "word"}
