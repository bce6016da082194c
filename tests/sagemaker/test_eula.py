"""The acceptance of a model's licence."""

from __future__ import annotations

import pytest

from extproc.routing.targets import Credentials, Target
from extproc.sagemaker import eula, invoke, sigv4

NAME = "x-amzn-sagemaker-custom-attributes"


def target(*, accept_eula: bool) -> Target:
    """A target of that opinion."""
    return Target(id="t", endpoint="e", models=("m",), region="us-east-1", host="h", accept_eula=accept_eula)


@pytest.mark.parametrize(
    ("accept", "given", "expected"),
    [
        (False, {}, {}),
        (False, {NAME: "a=b"}, {NAME: "a=b"}),
        (True, {}, {NAME: "accept_eula=true"}),
        (True, {NAME: "accept_eula=false", "x": "y"}, {NAME: "accept_eula=false;accept_eula=true", "x": "y"}),
    ],
)
def test_only_the_operator_accepts(accept: bool, given: dict[str, str], expected: dict[str, str]) -> None:
    """Nothing is accepted by default; an acceptance comes last, where it counts."""
    assert eula.accepted(target(accept_eula=accept), given) == expected


def test_the_acceptance_is_signed() -> None:
    """What SageMaker acts on cannot be added or changed on the way."""
    accepting = target(accept_eula=True)
    headers = invoke.signed_request(
        accepting,
        2,
        sigv4.payload_hash(b"{}"),
        stream=True,
        credentials=Credentials("A" * 20, "s"),
        now=0.0,
        headers=eula.accepted(accepting, {}),
    )
    assert headers[NAME] == "accept_eula=true"
    assert f";{NAME}" in headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
