"""The one text that a request becomes for a target whose container takes no messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.errors import GatewayMisconfigured
from extproc.sagemaker.conversation import turns, unsupported
from extproc.sagemaker.templates import TEMPLATES, Template

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.routing.targets import Target

# The formats whose containers take a text, and so need the target's template.
PROMPTED = frozenset({"tgi", "lmi", "lmi-dynamic-batch", "bedrock-marketplace"})


def of(call: Call, target: Target) -> str:
    """A conversation's prompt by the target's template; a completion's as it is.

    Raises:
        UnsupportedParameter: a message is not text, the roles' order has no form in the template, or there are several
            prompts.
        GatewayMisconfigured: a chat's target has no template; lint refuses it before it can serve.
    """
    if call.kind == "completion":
        if len(call.texts) != 1:
            raise unsupported("prompt", "its container takes one prompt at a time")
        return call.texts[0]
    return _template(target).prompt(turns(call))


def stops(call: Call, target: Target) -> tuple[str, ...]:
    """The ends of an answer that the template's containers must be told."""
    return () if call.kind == "completion" else _template(target).stops


def _template(target: Target) -> Template:
    try:
        return TEMPLATES[target.prompt_template or ""]
    except KeyError:
        raise GatewayMisconfigured(
            "The gateway does not know how to prompt this model; its operator must set the target's prompt_template."
        ) from None
