"""How containers write a generated text down, whole and token by token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOGPROB = -0.25
# Of so many events one is followed by a comment: TGI sends them every 15 seconds.
_KEEP_ALIVE = 2


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. `reason` is stop, length or stop_sequence; `details`: the request asked for them."""

    tokens: tuple[str, ...]
    reason: str
    prompt_tokens: int
    details: bool

    @property
    def text(self) -> str:
        """The whole of it."""
        return "".join(self.tokens)

    @property
    def eos(self) -> bool:
        """Whether the model ended by itself, with a token that is no text."""
        return self.reason == "stop"

    @property
    def hugging_face(self) -> str:
        """The reason in Hugging Face's words."""
        return "eos_token" if self.eos else self.reason


def array(said: Said) -> bytes:
    """TGI: an array of one."""
    tokens = [_token(at, text) for at, text in enumerate(said.tokens)] + ([_EOS] if said.eos else [])
    details = {"finish_reason": said.hugging_face, "generated_tokens": len(tokens), "seed": None, "prefill": []}
    more = {"details": {**details, "tokens": tokens}} if said.details else {}
    return orjson.dumps([{"generated_text": said.text, **more}])


def tgi(prefix: bytes) -> Callable[[Said], Iterator[bytes]]:
    """TGI: an event for each token, the last with the text; no terminator."""

    def events(said: Said) -> Iterator[bytes]:
        tokens = [_token(at, text) for at, text in enumerate(said.tokens)] + ([_EOS] if said.eos else [])
        for index, token in enumerate(tokens, 1):
            last = index == len(tokens)
            details = {
                "finish_reason": said.hugging_face,
                "generated_tokens": len(tokens),
                "seed": None,
                "input_length": said.prompt_tokens,
            }
            event = {
                "index": index,
                "token": token,
                "generated_text": said.text if last else None,
                "details": details if last and said.details else None,
            }
            yield prefix + orjson.dumps(event) + b"\n\n"
            if index % _KEEP_ALIVE == 0 and not last:
                yield b":\n\n"

    return events


def lmi_object(said: Said) -> bytes:
    """LMI's asynchronous handler: an object, whose finish_reason is vLLM's stop_reason."""
    details = {
        "finish_reason": None,
        "generated_tokens": len(said.tokens),
        "seed": None,
        "prefill": [],
        "tokens": [_token(at, text, special=None) for at, text in enumerate(said.tokens)],
    }
    return orjson.dumps({"generated_text": said.text, **({"details": details} if said.details else {})})


def lmi_async(said: Said) -> Iterator[bytes]:
    """LMI's asynchronous handler: JSON lines, and an empty one where vLLM said [DONE]."""
    tokens = said.tokens or ("",)
    for at, text in enumerate(tokens, 1):
        last = at == len(tokens)
        details = {
            "finish_reason": "length" if said.reason == "length" else "stop",
            "seed": None,
            "generated_tokens": len(said.tokens),
            "input_length": said.prompt_tokens,
        }
        line = {
            "index": 0,
            "token": _token(at, text, special=None),
            "generated_text": said.text if last else None,
            "details": details if last and said.details else None,
        }
        yield orjson.dumps(line) + b"\n"
    yield b"\n"


def rolling_object(said: Said) -> bytes:
    """LMI's rolling batch: an object that repeats the prompt among its details."""
    return orjson.dumps(_rolling(said))


def rolling_array(said: Said) -> bytes:
    """LMI's rolling batch with TGI_COMPAT: the same in an array of one."""
    return orjson.dumps([_rolling(said)])


def lmi_rolling(said: Said) -> Iterator[bytes]:
    """LMI's rolling batch: JSON lines with log_prob, the last with the text."""
    for line in _rolling_lines(said, "log_prob"):
        yield line + b"\n"


def lmi_compat(said: Said) -> Iterator[bytes]:
    """LMI's rolling batch with TGI_COMPAT: the same lines as server-sent events with TGI's logprob, no [DONE].

    sse_response_formatter of djl_python's output_formatter.py.
    """
    for line in _rolling_lines(said, "logprob"):
        yield b"data: " + line + b"\n\n"


def _rolling(said: Said) -> dict[str, Any]:
    tokens = [{"id": at, "text": text, "log_prob": _LOGPROB} for at, text in enumerate(said.tokens)]
    more = {"details": {**_rolling_details(said), "tokens": tokens}} if said.details else {}
    return {"generated_text": said.text, **more}


def _rolling_lines(said: Said, probability: str) -> Iterator[bytes]:
    tokens = said.tokens or ("",)
    for at, text in enumerate(tokens, 1):
        end = {"generated_text": said.text, **({"details": _rolling_details(said)} if said.details else {})}
        token = {"id": at, "text": text, probability: _LOGPROB}
        yield orjson.dumps({"token": token, **(end if at == len(tokens) else {})})


def _rolling_details(said: Said) -> dict[str, Any]:
    return {"finish_reason": said.hugging_face, "generated_tokens": len(said.tokens), "inputs": "the prompt"}


def bare_array(said: Said) -> bytes:
    """LMI's dynamic batch: texts in the order of the prompts."""
    return orjson.dumps([{"generated_text": said.text}])


def lmi_dynamic(said: Said) -> Iterator[bytes]:
    """LMI's dynamic batch: pieces, and nothing that says which is the last."""
    for text in said.tokens:
        yield orjson.dumps({"outputs": [text]}) + b"\n"


def dialog(said: Said) -> bytes:
    """JumpStart's Llama 2: a message for each dialog."""
    return orjson.dumps([{"generation": {"role": "assistant", "content": said.text}}])


def generation(said: Said) -> bytes:
    """JumpStart's Llama 2 base models: a text for each prompt."""
    return orjson.dumps([{"generation": said.text}])


def wrapped(said: Said) -> bytes:
    """Bedrock marketplace: a body and what it costs."""
    return orjson.dumps(_wrapped(said, said.text, last=True))


def wrapped_lines(said: Said) -> Iterator[bytes]:
    """Bedrock marketplace: the same, piece by piece."""
    for text in said.tokens:
        yield orjson.dumps(_wrapped(said, text, last=False)) + b"\n"
    yield orjson.dumps(_wrapped(said, "", last=True)) + b"\n"


def _wrapped(said: Said, text: str, *, last: bool) -> dict[str, Any]:
    body = {
        "generation": text,
        "prompt_token_count": said.prompt_tokens,
        "generation_token_count": len(said.tokens),
        "stop_reason": ("length" if said.reason == "length" else "stop") if last else None,
    }
    metering = {"inputTokenCount": said.prompt_tokens, "outputTokenCount": len(said.tokens)}
    return {"body": body, "content_type": "application/json", **({"metering": metering} if last else {})}


def _token(number: int, text: str, *, special: bool | None = False) -> dict[str, Any]:
    token = {"id": number, "text": text, "logprob": _LOGPROB}
    return token if special is None else {**token, "special": special}


_EOS = _token(2, "</s>", special=True)
