"""What a request says stands behind the endpoint, and whether that endpoint has it.

Names and patterns of the headers are the service model's. What SageMaker answers where an endpoint cannot stream is not
published; here it is a ValidationError.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from extproc.emulator import refusals
from extproc.emulator.personalities import kind_of
from extproc.emulator.refusals import Refusal, Refused

if TYPE_CHECKING:
    from extproc.emulator.received import Received

_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
_PRINTABLE = r"\S[ -~]*"
_ASCII = r"[\x00-\x7f]*"
# Header → what AWS calls it, its pattern, its greatest length.
HEADERS = {
    b"x-amzn-sagemaker-custom-attributes": ("customAttributes", _ASCII, 1024),
    b"x-amzn-sagemaker-target-model": ("targetModel", _PRINTABLE, 1024),
    b"x-amzn-sagemaker-target-variant": ("targetVariant", _NAME, 63),
    b"x-amzn-sagemaker-target-container-hostname": ("targetContainerHostname", _NAME, 63),
    b"x-amzn-sagemaker-inference-component": ("inferenceComponentName", _NAME, 63),
    b"x-amzn-sagemaker-inference-id": ("inferenceId", _PRINTABLE, 64),
    b"x-amzn-sagemaker-prefix-aware-id": ("prefixAwareId", _PRINTABLE, 64),
    b"x-amzn-sagemaker-session-id": ("sessionId", _NAME + "|NEW_SESSION", 256),
    b"x-amzn-sagemaker-enable-explanations": ("enableExplanations", r".+", 64),
    b"x-amzn-sagemaker-accept": ("accept", _ASCII, 1024),
    b"accept": ("accept", _ASCII, 1024),
    b"content-type": ("contentType", _ASCII, 1024),
}
# Of a serverless endpoint's request body.
SERVERLESS_BYTES = 4 * 1024 * 1024


def check(received: Received, endpoint: str, component: str | None, *, stream: bool) -> None:
    """Refuse headers that no client of AWS's could have sent, and what the endpoint does not have.

    Args:
        received: with its headers.
        endpoint: by its name's kind: `components`, `multi-model` and `serverless` ones have their own rules.
        component: the inference component of the OpenAI path, None for none; "" on the other paths.
        stream: whether the response-stream operation was called.

    Raises:
        Refused: with the first thing that is wrong.
    """
    for name, (field, pattern, most) in HEADERS.items():
        for raw in received.values(name):
            value = raw.decode("latin-1")
            if len(value) > most or not re.fullmatch(pattern, value):
                raise Refused(_invalid(field, pattern))
    kind = kind_of(endpoint)
    header = received.header(b"x-amzn-sagemaker-inference-component")
    if component != "" and header is not None:
        # Measured: whatever its value.
        raise Refused(_validation(f"Header is not supported on this path. Account {refusals.ACCOUNT}."))
    named = component or (header or b"").decode("latin-1")
    if kind == "components":
        if not named:
            raise Refused(refusals.BY_KIND["component-missing"])
        if named.startswith("missing"):
            raise Refused(_validation(f"Inference Component {named} of account {refusals.ACCOUNT} not found."))
        if named.startswith("empty"):
            raise Refused(refusals.BY_KIND["no-capacity"])
    elif named:
        raise Refused(refusals.BY_KIND["component-refused"])
    model = received.header(b"x-amzn-sagemaker-target-model")
    if (kind == "multi-model") != (model is not None):
        raise Refused(_validation("Target model is required for multi-model endpoints, and for these only."))
    if model is not None and model.startswith(b"loading"):
        raise Refused(refusals.BY_KIND["not-ready"])
    if stream and received.header(b"x-amzn-sagemaker-session-id") == b"NEW_SESSION":
        raise Refused(_invalid("sessionId", _NAME))
    if stream and kind in ("multi-model", "serverless"):
        raise Refused(_validation(f"Endpoint {endpoint} does not support response streaming."))
    if kind == "serverless" and len(received.body) > SERVERLESS_BYTES:
        raise Refused(refusals.TOO_LARGE)


def _invalid(field: str, pattern: str) -> Refusal:
    return _validation(
        f"1 validation error detected: Value at '{field}' failed to satisfy constraint: Member must satisfy regular "
        f"expression pattern: {pattern}"
    )


def _validation(message: str) -> Refusal:
    return refusals.service(400, "ValidationError", message)
