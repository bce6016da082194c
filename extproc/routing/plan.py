"""From a model name to the ordered targets of one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.errors import GatewayUnavailable, UnknownModel
from extproc.openai.endpoint import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.routing.targets import Credentials, Identity, Target


def plan(
    by_model: Mapping[str, Sequence[Target]],
    model: str,
    kind: str,
    credentials: Mapping[Identity, Credentials],
) -> tuple[Target, ...]:
    """The targets to try for a request, best first: those of `model`'s group that can be signed for, in file order.

    Args:
        by_model: failover groups by every name that selects them.
        model: as the client wrote it.
        kind: what the endpoint needs: "chat", "completion" or "embedding".
        credentials: the snapshot of each identity that has one.

    Raises:
        UnknownModel: no target of that kind answers to the name.
        GatewayUnavailable: there are targets, but credentials for none of them.
    """
    named = by_model.get(model, ())
    group = [target for target in named if target.kind == kind]
    if not group:
        kinds = {target.kind for target in named}
        elsewhere = [path for path, endpoint in ENDPOINTS.items() if endpoint.KIND in kinds]
        raise UnknownModel(
            f"The model `{model}` is not served at this path, but at {' and '.join(elsewhere)}."
            if elsewhere
            else f"The model `{model}` does not exist or is not served here. GET /v1/models lists the models.",
            param="model",
        )
    usable = tuple(target for target in group if target.identity in credentials)
    if not usable:
        raise GatewayUnavailable(
            "The gateway has no AWS credentials for this model. Try again shortly, or ask the gateway's operator.",
            detail="no credentials for " + ", ".join(target.id for target in group),
            retry_after=5,
        )
    return usable
