"""A client's request, whichever of the endpoints it came to, and what their parsers have in common.

As strict about its shape as we need to judge and translate it, no stricter: fields that nothing here acts on pass
through untouched. What is kept is the parsed document, never the client's bytes: of a duplicate key the value that was
judged is the value that is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from extproc.errors import MalformedRequest
from extproc.openai.document import Document, NotADocument, has_more_strings, read

# Longer than any endpoint name (63) or alias; what is longer is no name.
MAX_MODEL_CHARACTERS = 256
# OpenAI's own bound for `n`; each choice of a stream costs windows and memory.
MAX_CHOICES = 128
# Every string is judged by every policy, at some microseconds each: 5 million of them, which 25 MB can hold, kept a
# worker from all else for 25 seconds (measured).
MAX_STRINGS = 100_000
# By these fields containers tell one kind of request from another, each in its own order (LMI looks for `prompt` before
# `messages`): a request of one kind must not carry another's, or what a model reads is not what was judged.
FORMS = frozenset(
    {
        *("messages", "prompt", "input", "inputs", "text_inputs", "texts"),
        # Prompts that are no text, and so nothing that a policy reads.
        *("prompt_embeds", "prompt_token_ids", "input_ids"),
    }
)
_OTHER_FORMS = {form: FORMS - {form} for form in FORMS}


class Call(NamedTuple):
    """One request. `document` is the whole of it; policies rewrite texts in it in place.

    `kind` is what a target must be to serve it: "chat", "completion" or "embedding".
    """

    model: str
    stream: bool
    include_usage: bool
    document: Document
    kind: str = "chat"

    @property
    def texts(self) -> list[str]:
        """The texts that are each answered by themselves: a completion's prompts, or what is to be embedded."""
        given = self.document["prompt" if self.kind == "completion" else "input"]
        return [given] if isinstance(given, str) else given

    @property
    def logprobs(self) -> int | None:
        """How many likely tokens are to be told for each token, beside itself; None: not even its own probability."""
        asked = self.document.get("logprobs")
        if self.kind == "completion":
            return asked if is_integer(asked) else None
        return (self.document.get("top_logprobs") or 0) if asked is True else None


# A field that is present and not null: what is expected of it; null means the same as absent, as with OpenAI.
Fields = Mapping[str, tuple[str, Callable[[Any], bool]]]


def is_integer(value: Any) -> bool:
    """Whether a JSON value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(value: Any) -> bool:
    """Whether a JSON value is a positive whole number."""
    return is_integer(value) and value >= 1


def _is_stop(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))


# Of chat and of completions.
GENERATION_FIELDS: Fields = {
    "stream": ("a boolean", lambda value: isinstance(value, bool)),
    "stream_options": ("an object", lambda value: isinstance(value, dict)),
    "n": (f"an integer from 1 to {MAX_CHOICES}", lambda value: is_count(value) and value <= MAX_CHOICES),
    "max_tokens": ("a positive integer", is_count),
    "temperature": ("a number", is_number),
    "top_p": ("a number", is_number),
    "presence_penalty": ("a number", is_number),
    "frequency_penalty": ("a number", is_number),
    "seed": ("an integer", is_integer),
    "stop": ("a string or an array of strings", _is_stop),
}


def parse(body: bytes, form: str, fields: Fields) -> Document:
    """Read a request's body and check what all requests have.

    Args:
        body: the client's, whole.
        form: the field that makes it a request of its kind; checked by the caller.
        fields: those that are checked when they are present.

    Raises:
        MalformedRequest: not JSON, or a field that the gateway acts on is missing or wrong; `param` names it.
    """
    try:
        document = read(body)
    except NotADocument as fault:
        raise MalformedRequest(f"The request body could not be read: {fault}. Send one JSON object.") from None
    if has_more_strings(document, body, MAX_STRINGS):
        raise MalformedRequest(f"The request holds more than {MAX_STRINGS} strings, the most that are judged at once.")
    _check_model(document)
    if document.get(form) is None:
        raise missing(form)
    if not _OTHER_FORMS[form].isdisjoint(document):
        name = next(name for name in document if name in _OTHER_FORMS[form])
        raise MalformedRequest(
            f"'{name}' has no place in a request to this endpoint, which reads '{form}'.", param=name
        )
    if not fields.keys().isdisjoint(document):
        for name, (expected, holds) in fields.items():
            value = document.get(name)
            if value is not None and not holds(value):
                raise wrong(name, expected, value)
    return document


def streaming(document: Document) -> tuple[bool, bool]:
    """Whether a stream was asked for, and whether with its usage.

    Raises:
        MalformedRequest: `stream_options` without a stream, or not what it should be.
    """
    stream = document.get("stream") or False
    options = document.get("stream_options")
    if options is None:
        return stream, False
    if not stream:
        raise MalformedRequest("'stream_options' has a meaning only when 'stream' is true.", param="stream_options")
    include_usage = options.get("include_usage")
    if not isinstance(include_usage, bool | None):
        raise wrong("stream_options.include_usage", "a boolean", include_usage)
    return stream, bool(include_usage)


def check_texts(document: Document, form: str, most: int) -> None:
    """Check that a field is a text, or a list of them.

    Tokens are refused: they are numbers of one model's own, which no policy can read.

    Raises:
        MalformedRequest: it is something else, empty, or has over `most` texts.
    """
    value = document[form]
    if isinstance(value, str):
        return
    if not isinstance(value, list) or not value:
        raise wrong(form, "a string or an array of strings", value)
    if len(value) > most:
        raise MalformedRequest(f"'{form}' has {len(value)} texts, and at most {most} are taken at once.", param=form)
    for at, item in enumerate(value):
        if is_integer(item) or isinstance(item, list):
            raise MalformedRequest(
                f"'{form}' must be text: the gateway's policies cannot read token ids. Send the strings themselves "
                "(LangChain: check_embedding_ctx_length=False).",
                param=form,
            )
        if not isinstance(item, str):
            raise wrong(f"{form}[{at}]", "a string", item)


_TYPES: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def wrong(param: str, expected: str, value: Any) -> MalformedRequest:
    """The refusal of a value; only numbers are shown again: a string could be anybody's."""
    shown = f" ({value})" if is_number(value) else ""
    return MalformedRequest(
        f"Invalid value for '{param}': expected {expected}, got {_TYPES[type(value)]}{shown}.", param=param
    )


def missing(param: str) -> MalformedRequest:
    """The refusal of a request that lacks a field."""
    return MalformedRequest(f"Missing required parameter: '{param}'.", param=param)


def _check_model(document: Document) -> None:
    model = document.get("model")
    if model is None:
        raise missing("model")
    if not isinstance(model, str):
        raise wrong("model", "a string", model)
    # Control characters would reach logs; nothing with them is a name.
    if not model or len(model) > MAX_MODEL_CHARACTERS or not model.isprintable():
        raise MalformedRequest(
            f"Invalid value for 'model': expected 1 to {MAX_MODEL_CHARACTERS} printable characters.", param="model"
        )
