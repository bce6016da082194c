"""Which operation a body asks for."""

from __future__ import annotations

import json

import pytest

from extproc.emulator import container, legacy_completions, schemas
from extproc.emulator.container import ContainerRefused

CHAT = {"messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize(
    ("document", "answering"),
    [
        (CHAT, container.complete),
        ({**CHAT, "prompt": "x"}, container.complete),
        ({"prompt": "x"}, legacy_completions.complete),
        ({"prompt": ["x", "y"], "messages": []}, legacy_completions.complete),
        ({"prompt": "x", "messages": "no"}, legacy_completions.complete),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else value.__module__.rpartition(".")[2],
)
def test_the_first_schema_that_fits_is_taken(document, answering) -> None:
    """Messages before a prompt; a field of another type does not fit."""
    assert schemas.operation(document, "chat") is answering


@pytest.mark.parametrize("document", [{}, {"input": "x"}, {"prompt": ""}, {"messages": []}, {"inputs": "x"}], ids=str)
def test_a_body_that_fits_nothing_is_refused(document) -> None:
    """With vLLM's words, that name the schemas and no reason."""
    with pytest.raises(ContainerRefused) as refused:
        schemas.operation(document, "chat")
    assert refused.value.status == 400
    assert "Expected one of: ['ChatCompletionRequest', 'CompletionRequest']" in refused.value.body


def test_sglang_has_nothing_but_chat() -> None:
    """A chat is answered; a prompt or an input is a flat error that quotes the whole body."""
    assert schemas.operation(CHAT, "sglang") is container.complete
    for document in ({"prompt": "my secret"}, {"input": "my secret"}):
        with pytest.raises(ContainerRefused) as refused:
            schemas.operation(document, "sglang")
        said = json.loads(refused.value.body)
        assert (refused.value.status, said["object"], said["type"], said["code"]) == (
            400,
            "error",
            "BadRequestError",
            400,
        )
        assert "'msg': 'Field required'" in said["message"]
        assert "my secret" in said["message"]
