"""A whole answer: checked to be one, and told in the client's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.openai import structure

if TYPE_CHECKING:
    from extproc.openai.document import Document


class NotAnAnswer(ValueError):
    """The document is no answer to a chat or a completion. The text says what is missing, and never quotes it."""


def finish(document: Document, model: str) -> Document:
    """Check a container's answer and echo the model as the client named it; changes and returns the document.

    Containers answer with their own name of the model (a path, a LoRA adapter), or with none (LMI rolling batch).

    Raises:
        NotAnAnswer: no choices, or a choice without a message.
    """
    choices = document.get("choices")
    if not isinstance(choices, list) or not choices:
        raise NotAnAnswer("it has no choices")
    for at, choice in enumerate(choices):
        if type(choice) is not dict:
            raise NotAnAnswer(f"choice {at} has no message")
        if type(choice.get("text")) is str:
            # Of a completion, whose text is all the message there is.
            choice["message"] = {"content": choice.pop("text")}
        message = choice.get("message")
        if type(message) is not dict:
            raise NotAnAnswer(f"choice {at} has no message")
        message.setdefault("role", "assistant")
        structure.calls(message)
        structure.choice(choice, at)
        if choice.get("finish_reason") == "error":
            # djl-serving's rolling batch reports a failed generation so, with status 200.
            raise NotAnAnswer(f"choice {at} finished with an error")
    structure.envelope(document, "chat.completion", model)
    return document
