"""Which operation a body of /invocations asks a generating container for.

vLLM tries its schemas in order and takes the first that fits (entrypoints/sagemaker/api_router.py), so that a body that
no schema takes is told none of the reasons. SGLang's /invocations is its chat completions and nothing else: a body that
is no chat is FastAPI's validation error, which quotes the whole body. TGI's are in tgi_openai.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from extproc.emulator import container, legacy_completions, tgi_openai
from extproc.emulator.container import ContainerRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.emulator.container import Completion
    from extproc.emulator.knobs import Knobs
    from extproc.emulator.legacy_completions import TextCompletion

    Answering = Callable[[dict[str, Any], Knobs, str, int, int], Completion | TextCompletion]

_CHAT_ALONE = "sglang"


def _is_chat(document: dict[str, Any]) -> bool:
    messages = document.get("messages")
    return isinstance(messages, list) and bool(messages) and all(isinstance(message, dict) for message in messages)


SCHEMAS: tuple[tuple[str, Callable[[dict[str, Any]], bool], Answering], ...] = (
    ("ChatCompletionRequest", _is_chat, container.complete),
    ("CompletionRequest", legacy_completions.fits, legacy_completions.complete),
)


def operation(document: dict[str, Any], kind: str) -> Answering:
    """Return what answers a request to a container of that kind.

    Raises:
        ContainerRefused: the container has nothing that takes such a body.
    """
    if kind == "tgi":
        return tgi_openai.operation(document)
    if kind == _CHAT_ALONE:
        if not _is_chat(document):
            raise _sglang(document)
        return container.complete
    for _, fits, answering in SCHEMAS:
        if fits(document):
            return answering
    raise no_handler([name for name, _, _ in SCHEMAS])


def no_handler(names: list[str]) -> ContainerRefused:
    """Return vLLM's refusal of a body that fits none of these schemas."""
    return ContainerRefused(400, f"Cannot find suitable handler for request. Expected one of: {names}")


def _sglang(document: dict[str, Any]) -> ContainerRefused:
    error = {"type": "missing", "loc": ("body", "messages"), "msg": "Field required", "input": document}
    said = {"object": "error", "message": str([error]), "type": "BadRequestError", "param": None, "code": 400}
    return ContainerRefused.in_own_words(400, said)
