"""From a model's name to the targets of one request."""

from __future__ import annotations

import pytest

from extproc.errors import GatewayUnavailable, UnknownModel
from extproc.routing.candidates import candidates
from extproc.routing.targets import Identity
from extproc.testing import CREDENTIALS, MODEL, make_runtime, make_target

OURS, THEIRS = Identity(), Identity(profile="theirs")
RUNTIME = make_runtime(
    make_target("west"),
    make_target("vectors", kind="embedding"),
    make_target("east", identity=THEIRS),
    make_target("north"),
)


def planned(model: str, kind: str = "chat", identities: tuple[Identity, ...] = (OURS, THEIRS)) -> list[str]:
    """The ids of the plan."""
    credentials = dict.fromkeys(identities, CREDENTIALS)
    return [target.id for stage in candidates(RUNTIME.stages(model), model, kind, credentials) for target in stage]


@pytest.mark.parametrize(
    ("model", "kind", "identities", "ids"),
    [
        (MODEL, "chat", (OURS, THEIRS), ["west", "east", "north"]),
        (MODEL, "embedding", (OURS, THEIRS), ["vectors"]),
        ("east", "chat", (OURS, THEIRS), ["east"]),
        ("north-endpoint", "chat", (OURS,), ["north"]),
        (MODEL, "chat", (OURS,), ["west", "north"]),
        (MODEL, "chat", (THEIRS,), ["east"]),
    ],
)
def test_plan(model: str, kind: str, identities: tuple[Identity, ...], ids: list[str]) -> None:
    """Targets of the name and kind, in file order, without those that cannot be signed for."""
    assert planned(model, kind, identities) == ids


@pytest.mark.parametrize(
    ("model", "kind"), [("other", "chat"), ("", "chat"), ("vectors", "chat"), ("west", "completion")]
)
def test_a_model_that_is_not_served(model: str, kind: str) -> None:
    """A name of nobody, or of a target of another kind, is a 404 that says which field and where to look."""
    with pytest.raises(UnknownModel) as raised:
        planned(model, kind)
    assert (raised.value.http_status, raised.value.param) == (404, "model")
    assert f"`{model}`" in raised.value.message


def test_nobody_to_sign() -> None:
    """Targets without any credentials are our fault, for a while: 503, and only the record names them."""
    with pytest.raises(GatewayUnavailable) as raised:
        planned(MODEL, identities=())
    assert (raised.value.http_status, raised.value.retry_after) == (503, 5)
    assert raised.value.detail == "no credentials for west, east, north"
    assert "west" not in raised.value.message
