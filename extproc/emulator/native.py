"""SageMaker's own OpenAI path: the container's answer without event-stream framing, and errors in OpenAI's shape.

Measured by others on AWS: a container's error has the container's status and code `model_error`, its words quoted in a
message that names account and console; an unknown endpoint is a 400 `validation_error`. The rest is made after these.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from extproc.emulator.answer import Answer, Cut, Reset, Send, Stall, Wait
from extproc.emulator.container import ContainerRefused
from extproc.emulator.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from extproc.emulator.answer import Step
    from extproc.emulator.knobs import Knobs

_NAME = r"[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}"
OPERATION = re.compile(
    rf"(?:/[\w.~-]+)*?/endpoints/({_NAME})(?:/inference-components/(?P<component>{_NAME}))?"
    r"/openai/v1/chat/completions"
)
_ENDINGS: Mapping[str, Step | None] = {
    "reset-midstream": Reset(),
    "stall-midstream": Stall(),
    "cut-midstream": Cut(),
    "truncated": None,
}


def check_model(document: Mapping[str, Any], endpoint: str) -> None:
    """Refuse a model's name that is not the container's own, as vLLM does; the empty one always fits.

    Raises:
        ContainerRefused: with 404.
    """
    if document.get("model") not in ("", endpoint):
        raise ContainerRefused(404, "The model does not exist.")


def streamed(content_type: str, events: Iterator[bytes], fault: str, settings: Knobs) -> Answer:
    """The container's own stream, as it comes."""
    return Answer(200, (("content-type", content_type),), b"", _steps(events, fault, settings), settings.write_bytes)


def refusal(of: Refusal) -> Refusal:
    """The same error as this path tells it."""
    if of.content_type != "application/json":
        return of
    said = orjson.loads(of.body)
    kind = (of.error_type or "").partition(":")[0]
    status, type_, code = of.status, "server_error", kind
    message = said.get("Message") or said.get("message") or "Rate exceeded"
    if kind == "ModelError":
        status, code = said["OriginalStatusCode"] or 504, "model_error"
    elif kind == "ValidationError":
        type_, code = "invalid_request_error", "validation_error"
    elif kind == "ThrottlingException":
        status, type_ = 429, "rate_limit_error"
    body = orjson.dumps({"error": {"message": message, "type": type_, "code": code}})
    return Refusal(status, None, body)


def _steps(events: Iterator[bytes], fault: str, settings: Knobs) -> Iterator[Step]:
    if settings.first_ms:
        yield Wait(settings.first_ms / 1000)
    for at, event in enumerate(events):
        if fault in _ENDINGS and at == settings.after:
            ending = _ENDINGS[fault]
            if ending is not None:
                yield ending
            return
        if settings.delay_ms:
            yield Wait(settings.delay_ms / 1000)
        yield Send(event)
