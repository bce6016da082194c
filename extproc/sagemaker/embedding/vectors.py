"""What the dialects of embedding containers have in common: what they refuse, and how their answers are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from extproc.errors import UpstreamFailed
from extproc.openai import context, embeddings
from extproc.openai.document import NotADocument, read_value
from extproc.openai.embeddings import NotVectors
from extproc.sagemaker.conversation import unsupported
from extproc.sagemaker.faults import from_answer
from extproc.sagemaker.generation import NOT_UNDERSTOOD
from extproc.sagemaker.parameters import ABOUT_THE_CALL

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.openai.call import Call
    from extproc.openai.document import Document

# The gateway itself sees to these.
_ALWAYS = frozenset({"input", "model", "encoding_format"})


def parameters(call: Call, names: Mapping[str, str]) -> Document:
    """What a request says beside its texts, under the container's own names.

    Args:
        call: the request.
        names: a field of the request → its name there; null means unset.

    Raises:
        UnsupportedParameter: `param` is the first field that the container has no name for.
    """
    found: Document = {}
    for name, value in call.document.items():
        if value is None or name in _ALWAYS or name in ABOUT_THE_CALL:
            continue
        if name not in names:
            raise unsupported(name[:64], "its container has no such setting")
        found[names[name]] = value
    return found


def only_floats(call: Call, name: str) -> None:
    """Refuse vectors of anything but floating-point numbers, which are all that OpenAI's answers have a place for.

    Raises:
        UnsupportedParameter: the field of that name asks for others.
    """
    if call.document.get(name) not in (None, "float", ["float"]):
        raise unsupported(name, "only float is answered")


def answer(body: bytes, call: Call, read: Callable[[Any], tuple[Any, Any]]) -> Document:
    """A container's answer as OpenAI's list.

    Args:
        body: as it came.
        call: that it answers.
        read: takes the JSON value; gives the vectors in the order of the texts, and the number of the prompt's tokens
            (None where the container does not tell it: then it is estimated, and `estimated` says so).

    Raises:
        UpstreamError: it is no answer, or an error that came with status 200.
    """
    try:
        value = read_value(body)
        error = from_answer(value, streamed=False) if isinstance(value, dict) else None
        if error is not None:
            raise error
        vectors, told = read(value)
        return embeddings.answer(vectors, call, _usage(told, call))
    except (NotADocument, NotVectors) as fault:
        raise UpstreamFailed(NOT_UNDERSTOOD, detail=f"container answer: {fault}") from fault


def _usage(told: Any, call: Call) -> Document:
    if type(told) is int and told >= 0:
        return {"prompt_tokens": told, "total_tokens": told}
    tokens = context.prompt_tokens(call)
    return {"prompt_tokens": tokens, "total_tokens": tokens, "estimated": ["prompt_tokens"]}


def listed(value: Any, call: Call) -> Any:
    """Vectors out of an answer that is nothing else; of one text, some containers give the vector without a list."""
    if isinstance(value, list) and value and len(call.texts) == 1 and not isinstance(value[0], list):
        return [value]
    return value
