"""The one text that a conversation becomes for a target whose container takes no messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.errors import GatewayMisconfigured
from extproc.sagemaker.conversation import turns
from extproc.sagemaker.templates import TEMPLATES, Template

if TYPE_CHECKING:
    from extproc.openai.chat import ChatCall
    from extproc.routing.targets import Target

# The formats whose containers take a text, and so need the target's template.
PROMPTED = frozenset({"tgi", "lmi", "lmi-dynamic-batch", "bedrock-marketplace"})


def of(call: ChatCall, target: Target) -> str:
    """The prompt by the target's template.

    Raises:
        UnsupportedParameter: a message is not text, or the roles' order has no form in the template.
        GatewayMisconfigured: the target has no template; lint refuses it before it can serve.
    """
    return _template(target).prompt(turns(call))


def stops(target: Target) -> tuple[str, ...]:
    """The ends of an answer that the template's containers must be told."""
    return _template(target).stops


def _template(target: Target) -> Template:
    try:
        return TEMPLATES[target.prompt_template or ""]
    except KeyError:
        raise GatewayMisconfigured(
            "The gateway does not know how to prompt this model; its operator must set the target's prompt_template."
        ) from None
