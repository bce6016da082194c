"""What stands behind an endpoint, and which copy of it: the x-amzn-sagemaker-* headers of InvokeEndpoint.

Patterns and lengths are those of the service model (sagemaker-runtime, 2017-05-13); what a target says of itself was
checked when the configuration was read, what a client says is made to fit.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.routing.targets import Target

# InferenceId and PrefixAwareId: 1 to 64 printable characters.
MAX_ID = 64


def fixed(target: Target) -> dict[str, str]:
    """The headers by which SageMaker finds the model: those of every request to this target, to be signed."""
    found = {
        "x-amzn-sagemaker-inference-component": target.inference_component,
        "x-amzn-sagemaker-target-model": target.target_model,
        "x-amzn-sagemaker-target-variant": target.target_variant,
        "x-amzn-sagemaker-target-container-hostname": target.target_container,
        "x-amzn-sagemaker-custom-attributes": target.custom_attributes,
    }
    return {name: value for name, value in found.items() if value is not None}


def of_request(target: Target, document: Mapping[str, object], request_id: str) -> dict[str, str]:
    """The headers that one request has beside those, to be signed; most have none.

    Args:
        target: addressed.
        document: the request, judged: its `prompt_cache_key` says which requests share a prefix.
        request_id: of the exchange, for targets that want it in their container's log.
    """
    found: dict[str, str] = {}
    if target.inference_id and (identity := fitting(request_id)):
        found["x-amzn-sagemaker-inference-id"] = identity
    key = document.get("prompt_cache_key")
    if isinstance(key, str) and (identity := fitting(key)):
        # A hint for endpoints with the routing strategy PREFIX_AWARE; the others do not read it.
        found["x-amzn-sagemaker-prefix-aware-id"] = identity
    return found


def fitting(text: str) -> str:
    """The text if it can be an id; else, for the same text always, one that stands for it. "" of nothing."""
    if text and len(text) <= MAX_ID and text.isascii() and text.isprintable() and text == text.strip():
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if text else ""
