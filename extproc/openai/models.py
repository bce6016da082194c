"""GET /v1/models and /v1/models/{model}: the names a client may send as `model`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def model(name: str, created: int) -> dict[str, Any]:
    """One model. `created` is in Unix seconds: when the configuration that names it was loaded."""
    return {"id": name, "object": "model", "created": created, "owned_by": "sagemaker"}


def listing(names: Iterable[str], created: int) -> dict[str, Any]:
    """All models, in the order given."""
    return {"object": "list", "data": [model(name, created) for name in names]}
