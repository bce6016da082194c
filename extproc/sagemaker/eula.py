"""The acceptance of a model's licence, which JumpStart's early Llama models want on every call.

It belongs to the model, not to what its container speaks, so that any format may be used with it. Only the operator
can accept a licence: the target's `accept_eula`, false unless it is written in the configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.routing.targets import Target

CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
ACCEPTED = "accept_eula=true"


def accepted(target: Target, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of an attempt, with the acceptance among the custom attributes if the operator gave it.

    Pairs are separated by ";", and the last one of a name counts (the JumpStart notebooks of Llama 2).
    """
    if not target.accept_eula:
        return dict(headers)
    attributes = headers.get(CUSTOM_ATTRIBUTES)
    return {**headers, CUSTOM_ATTRIBUTES: f"{attributes};{ACCEPTED}" if attributes else ACCEPTED}
