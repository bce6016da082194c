"""From a model's name to the targets that may serve a request, in stages: its group's, then its fallback groups'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.errors import GatewayError, GatewayUnavailable, PolicyRefusal, UnknownModel
from extproc.openai.endpoint import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.routing.targets import Credentials, Identity, Target

DATA_ROUTING = "data-routing-policy"

Stages = tuple[tuple["Target", ...], ...]


def candidates(
    stages: Sequence[Sequence[Target]], model: str, kind: str, credentials: Mapping[Identity, Credentials]
) -> Stages:
    """The targets that may serve a request: of the kind, not barred by the data-routing-policy, and signed for.

    Args:
        stages: the targets of `model`'s group, then those of each fallback group; none when nobody has that name.
        model: as the client wrote it.
        kind: what the endpoint needs: "chat", "completion" or "embedding".
        credentials: the snapshot of each identity that has one.

    Raises:
        UnknownModel: no target of that kind answers to the name.
        PolicyRefusal: the data-routing-policy bars all of them.
        GatewayUnavailable: there are targets, but credentials for none of them.
    """
    usable = tuple(
        [tuple([t for t in stage if t.kind == kind and not t.barred and t.identity in credentials]) for stage in stages]
    )
    if not any(usable):
        raise _refusal(stages, model, kind)
    return usable


def _refusal(stages: Sequence[Sequence[Target]], model: str, kind: str) -> GatewayError:
    """Why no target is left: the first reason that rules out all of them."""
    of_kind = [target for stage in stages for target in stage if target.kind == kind]
    if not of_kind:
        return _unknown(model, {target.kind for stage in stages for target in stage})
    allowed = [target for target in of_kind if not target.barred]
    if not allowed:
        return PolicyRefusal(
            "No provider of this model handles data as this gateway's policy demands.",
            code="input_blocked",
            policy=DATA_ROUTING,
            detail="; ".join(f"{target.id} {target.barred}" for target in of_kind),
        )
    return GatewayUnavailable(
        "The gateway has no AWS credentials for this model. Try again shortly, or ask the gateway's operator.",
        detail="no credentials for " + ", ".join(target.id for target in allowed),
        retry_after=5,
    )


def _unknown(model: str, kinds: set[str]) -> UnknownModel:
    elsewhere = [path for path, endpoint in ENDPOINTS.items() if endpoint.KIND in kinds]
    return UnknownModel(
        f"The model `{model}` is not served at this path, but at {' and '.join(elsewhere)}."
        if elsewhere
        else f"The model `{model}` does not exist or is not served here. GET /v1/models lists the models.",
        param="model",
    )
