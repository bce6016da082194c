"""The table of endpoints."""

from __future__ import annotations

from extproc.config.provider import KINDS
from extproc.openai.endpoint import ENDPOINTS, GENERATIONS
from extproc.translate import STREAM_TRANSLATORS, TRANSLATORS


def test_each_endpoint_has_its_kind_of_target() -> None:
    """What a provider can say, what an endpoint asks for and what dialects translate are the same kinds."""
    assert {endpoint.KIND for endpoint in ENDPOINTS.values()} == set(KINDS) == {kind for kind, _ in TRANSLATORS}
    assert set(GENERATIONS) == {kind for kind, _ in STREAM_TRANSLATORS}
    assert all(path == endpoint.PATH for path, endpoint in ENDPOINTS.items())
