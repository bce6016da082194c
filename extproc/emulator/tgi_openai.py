"""TGI's OpenAI shapes: since 2.4 its /invocations tells messages and prompts from `inputs` by the body alone.

What it takes is less than OpenAI's (router/src/lib.rs): `stop` is a list, `logit_bias` a list of numbers, `n` is read
and ignored, a `model` other than `tgi` names a LoRA adapter, and presence_penalty p becomes a repetition_penalty of
p + 2. A field of another type fits no variant, and the refusal of that is its web framework's: a text. Words about
adapters, suffixes and grammars are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from extproc.emulator import container, legacy_completions
from extproc.emulator.container import ContainerRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.emulator.container import Completion
    from extproc.emulator.knobs import Knobs
    from extproc.emulator.legacy_completions import TextCompletion

_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("max_tokens", "max_completion_tokens", "n", "seed", "top_logprobs"), (int,)),
    **dict.fromkeys(("temperature", "top_p", "presence_penalty", "frequency_penalty"), (int, float)),
    **dict.fromkeys(("stop", "logit_bias", "tools"), (list,)),
    **dict.fromkeys(("model", "suffix"), (str,)),
    "stream": (bool,),
}
# What decides the answer here; the rest has been judged, or is ignored as TGI ignores it.
_READ = ("messages", "prompt", "tools", "max_tokens", "max_completion_tokens", "stop", "stream", "stream_options")


def operation(
    document: dict[str, Any],
) -> Callable[[dict[str, Any], Knobs, str, int, int], Completion | TextCompletion]:
    """Return what answers a body without `inputs`.

    Raises:
        ContainerRefused: what TGI would refuse.
    """
    chat = isinstance(document.get("messages"), list)
    if not (chat or isinstance(document.get("prompt"), str | list)) or not all(map(_fits, document.items())):
        raise ContainerRefused.in_own_words(
            422,
            "Failed to deserialize the JSON body into the target type: data did not match any variant of untagged enum "
            "SagemakerRequest",
        )
    top_p, temperature = document.get("top_p"), document.get("temperature")
    if top_p is not None and not 0 < top_p < 1:
        raise _invalid("`top_p` must be > 0.0 and < 1.0")
    if temperature is not None and temperature < 0:
        raise _invalid("`temperature` must be strictly positive")
    if (document.get("presence_penalty") or 0) <= -2:
        raise _invalid("`repetition_penalty` must be strictly positive")
    if len(document.get("stop") or ()) > 4:
        raise _invalid(f"`stop` supports up to 4 stop sequences. Given: {len(document['stop'])}")
    if document.get("tools") and document.get("response_format"):
        raise _invalid("Grammar and tools are mutually exclusive")
    if document.get("suffix") is not None:
        raise _invalid("Suffix is not supported and can be accomplished by preprocessing the prompt.")
    if document.get("model") not in (None, "", "tgi"):
        said = f"Request failed during generation: Server error: adapter {document['model']} not found"
        raise ContainerRefused.in_own_words(424, {"error": said, "error_type": "generation"})
    if not document["messages" if chat else "prompt"]:
        raise _invalid("`inputs` cannot be empty")
    return _chat if chat else _completion


def _fits(field: tuple[str, Any]) -> bool:
    name, value = field
    types = _TYPES.get(name)
    # To Python a boolean is a number.
    return types is None or value is None or (isinstance(value, types) and (type(value) is not bool or bool in types))


def _invalid(message: str) -> ContainerRefused:
    said = {"error": f"Input validation error: {message}", "error_type": "validation"}
    return ContainerRefused.in_own_words(422, said)


def _chat(document: dict[str, Any], knobs: Knobs, endpoint: str, created: int, number: int) -> Completion:
    return container.complete(_known(document), knobs, endpoint, created, number)


def _completion(document: dict[str, Any], knobs: Knobs, endpoint: str, created: int, number: int) -> TextCompletion:
    # Documented as TGI's own limit.
    return legacy_completions.complete({"max_tokens": 1024, **_known(document)}, knobs, endpoint, created, number)


def _known(document: dict[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in _READ if document.get(name) is not None}
