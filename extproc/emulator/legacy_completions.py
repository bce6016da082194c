"""vLLM's legacy completions on /invocations: `prompt`, answered by its echo.

Each prompt is answered by itself, n times; choices are numbered prompt by prompt. `max_tokens` is 16 unless the request
says otherwise, as in vLLM's completion/protocol.py, so that a long prompt comes back cut. `echo` puts the prompt before
the answer, `stop` ends it, `logprobs` gives OpenAI's legacy lists, `suffix` is refused as vLLM refuses it. A prompt of
token ids is answered by the ids.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import orjson

from extproc.emulator.container import ContainerRefused, number_of_choices, tokens_of
from extproc.emulator.knobs import DEFAULT
from extproc.emulator.prompts import spelled
from extproc.emulator.stops import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.emulator.knobs import Knobs

_DEFAULT_LIMIT = 16
_MOST_LOGPROBS = 20
_LOGPROB = -0.25
# Field → its types in vLLM's schema; a body that has another one fits no schema.
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("max_tokens", "n", "logprobs", "seed", "best_of"), (int,)),
    **dict.fromkeys(("echo", "stream", "include_stop_str_in_output"), (bool,)),
    **dict.fromkeys(("temperature", "top_p", "presence_penalty", "frequency_penalty"), (int, float)),
    **dict.fromkeys(("model", "suffix", "user"), (str,)),
    "stop": (str, list),
    "stream_options": (dict,),
    "logit_bias": (dict,),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer. `echoed` are the prompt's tokens, none unless asked for; `stop` is the sequence that ended it."""

    echoed: tuple[str, ...]
    tokens: tuple[str, ...]
    finish_reason: str
    stop: str | None


@dataclass(frozen=True, slots=True)
class TextCompletion:
    """All answers to a request, decided in full before the first byte is sent."""

    id: str
    created: int
    model: str
    stream: bool
    include_usage: bool
    choices: tuple[Choice, ...]
    logprobs: int | None
    prompt_tokens: int

    def saying(self, tokens: tuple[str, ...]) -> TextCompletion:
        """Return the same answers with other words."""
        return replace(self, choices=tuple(replace(choice, tokens=tokens) for choice in self.choices))

    @property
    def usage(self) -> dict[str, Any]:
        """Tokens as OpenAI counts them: of every prompt once, and of every choice."""
        completion = sum(len(choice.tokens) for choice in self.choices)
        return {
            "prompt_tokens": self.prompt_tokens,
            "total_tokens": self.prompt_tokens + completion,
            "completion_tokens": completion,
            "prompt_tokens_details": None,
        }


def fits(document: dict[str, Any]) -> bool:
    """Whether vLLM's schema takes the body for a completion."""
    if not _prompts(document.get("prompt")):
        return False
    if document.get("stream_options") and not document.get("stream"):
        return False
    for name, types in _TYPES.items():
        value = document.get(name)
        # To Python a boolean is a number.
        if value is not None and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
            return False
    return all(isinstance(stop, str) for stop in document.get("stop") or ())


def complete(document: dict[str, Any], knobs: Knobs, endpoint: str, created: int, number: int) -> TextCompletion:
    """Answer a request that fits; `created` is in Unix seconds and `number` makes the answer's id.

    Raises:
        ContainerRefused: for what vLLM refuses, too.
    """
    prompts = _prompts(document["prompt"])
    echo, limit, logprobs = document.get("echo") is True, document.get("max_tokens"), document.get("logprobs")
    if limit is None:
        limit = _DEFAULT_LIMIT
    if document.get("suffix") is not None:
        raise ContainerRefused(400, "suffix is not currently supported")
    if limit < (0 if echo else 1):
        raise ContainerRefused(400, f"max_tokens must be at least 1, got {limit}.")
    if logprobs is not None and not 0 <= logprobs <= _MOST_LOGPROBS:
        raise ContainerRefused(
            400, f"Requested sample logprobs of {logprobs}, which is greater than max allowed: {_MOST_LOGPROBS}"
        )
    if "" in prompts:
        raise ContainerRefused(400, "The decoder prompt cannot be empty")
    given = document.get("stop")
    stops = (given,) if isinstance(given, str) else tuple(given or ())
    if "" in stops:
        raise ContainerRefused(400, "stop cannot contain an empty string.")
    keep = document.get("include_stop_str_in_output") is True
    answered = [_choice(prompt, knobs, limit, stops, echo=echo, keep=keep) for prompt in prompts]
    options = document.get("stream_options") or {}
    return TextCompletion(
        id=f"cmpl-{number:032x}",
        created=created,
        model=document.get("model") or endpoint,
        stream=document.get("stream") is True,
        include_usage=options.get("include_usage") is True,
        choices=tuple(choice for choice in answered for _ in range(number_of_choices(document.get("n")))),
        logprobs=logprobs,
        prompt_tokens=sum(len(prompt.split()) for prompt in prompts),
    )


def document(completion: TextCompletion) -> bytes:
    """Return the whole answer, as a request without `stream` gets it."""
    choices = [
        {
            "index": index,
            "text": "".join((*choice.echoed, *choice.tokens)),
            "logprobs": _logprobs(completion, choice.echoed, choice.tokens, 0),
            "finish_reason": choice.finish_reason,
            "stop_reason": choice.stop,
            "prompt_logprobs": None,
        }
        for index, choice in enumerate(completion.choices)
    ]
    return orjson.dumps({**_head(completion), "choices": choices, "usage": completion.usage})


def chunks(completion: TextCompletion) -> Iterator[bytes]:
    """Give the chunks of a stream: choices take turns, token by token; the last token of each brings the reason."""
    sent = [0] * len(completion.choices)
    for at, tokens in enumerate(zip_longest(*(choice.tokens or ("",) for choice in completion.choices))):
        for index, (choice, token) in enumerate(zip(completion.choices, tokens, strict=True)):
            if token is None:
                continue
            last = at + 1 >= len(choice.tokens)
            echoed = () if at else choice.echoed
            text = "".join((*echoed, token))
            part = {
                "index": index,
                "text": text,
                "logprobs": _logprobs(completion, echoed, (token,) if choice.tokens else (), sent[index]),
                "finish_reason": choice.finish_reason if last else None,
                "stop_reason": choice.stop if last else None,
            }
            sent[index] += len(text)
            yield orjson.dumps({**_head(completion), "choices": [part], "usage": None})
    if completion.include_usage:
        yield orjson.dumps({**_head(completion), "choices": [], "usage": completion.usage})


def _head(completion: TextCompletion) -> dict[str, Any]:
    return {
        "id": completion.id,
        "object": "text_completion",
        "created": completion.created,
        "model": completion.model,
    }


def _prompts(given: object) -> tuple[str, ...]:
    """Return the texts of what OpenAI calls a prompt; none where it is nothing of the kind."""
    if isinstance(given, str):
        return (given,) if given else ()
    if not isinstance(given, list) or not given:
        return ()
    if all(isinstance(item, str) for item in given):
        return tuple(given)
    if _are_ids(given):
        return (" ".join(map(str, given)),)
    if all(isinstance(item, list) and _are_ids(item) for item in given):
        return tuple(" ".join(map(str, item)) for item in given)
    return ()


def _are_ids(given: list[Any]) -> bool:
    return all(type(item) is int and item >= 0 for item in given)


def _choice(prompt: str, knobs: Knobs, limit: int, stops: tuple[str, ...], *, echo: bool, keep: bool) -> Choice:
    tokens = tokens_of(spelled(prompt) if knobs.text is None else knobs.text, knobs)
    kept, stop = until(tokens[:limit], stops, keep=keep)
    reason = "length" if stop is None and len(tokens) > limit else "stop"
    return Choice(tokens_of(prompt, DEFAULT) if echo else (), kept, knobs.finish_reason or reason, stop)


def _logprobs(
    completion: TextCompletion, echoed: tuple[str, ...], tokens: tuple[str, ...], offset: int
) -> dict[str, Any] | None:
    """Return OpenAI's four lists; a prompt's first token has no probability, as nothing comes before it."""
    if completion.logprobs is None:
        return None
    said = (*echoed, *tokens)
    known = [not (echoed and at == 0) for at in range(len(said))]
    offsets = []
    for token in said:
        offsets.append(offset)
        offset += len(token)
    return {
        "text_offset": offsets,
        "token_logprobs": [_LOGPROB if is_known else None for is_known in known],
        "tokens": list(said),
        "top_logprobs": [
            _likeliest(token, completion.logprobs) if is_known else None
            for token, is_known in zip(said, known, strict=True)
        ],
    }


def _likeliest(token: str, count: int) -> dict[str, float]:
    """Return the token and `count` others, as vLLM does: the one that was taken is always there."""
    return {token: _LOGPROB, **{f"{token}~{rank}": _LOGPROB - rank for rank in range(1, count + 1)}}
