"""What of OpenAI's parameters a text-generation container can express, in one table, and what is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extproc.openai import context
from extproc.sagemaker.conversation import unsupported
from extproc.sagemaker.templates import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.openai.call import Call
    from extproc.routing.targets import Target

# LMI stops after 30 tokens and old TGI after 20 when nothing is said; 1,024 is TGI's newer default, 16 is what OpenAI
# promises for completions.
DEFAULT_MAX_NEW_TOKENS = {"chat": 1024, "completion": 16}
# TGI's --max-stop-sequences, and OpenAI's own bound.
MAX_STOPS = 4
# Texts that may still become a stop are held back, so that their length is bounded.
MAX_STOP_CHARACTERS = 256
# TGI's --max-top-n-tokens.
MAX_TOP_LOGPROBS = 5

# Every dialect has a place for these.
_ALWAYS = frozenset(
    {
        *("messages", "prompt", "model", "stream", "stream_options"),
        *("max_tokens", "max_completion_tokens", "temperature", "top_p"),
    }
)
# About the call, not about the answer: they change nothing that a model says.
ABOUT_THE_CALL = frozenset(
    {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
)
# Dialect → what it can express besides; fields that are not OpenAI's are the container's own, taken as they are.
EXPRESSED: Mapping[str, frozenset[str]] = {
    "tgi": frozenset(
        {
            *("stop", "seed", "frequency_penalty", "logprobs", "top_logprobs"),
            *("top_k", "typical_p", "repetition_penalty", "truncate", "watermark", "adapter_id"),
        }
    ),
    "lmi": frozenset(
        {
            *("stop", "seed", "frequency_penalty", "presence_penalty", "logprobs"),
            *("top_k", "min_p", "repetition_penalty", "ignore_eos_token", "skip_special_tokens"),
        }
    ),
    "lmi-dynamic-batch": frozenset({"top_k", "repetition_penalty"}),
    "jumpstart-llama2": frozenset(),
    "bedrock-marketplace": frozenset(),
}
# Values that ask for nothing beyond what happens anyway.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "presence_penalty": (0, 0.0),
    "frequency_penalty": (0, 0.0),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "stop": ([],),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
}


def check(call: Call, dialect: str) -> None:
    """Refuse what the dialect cannot express.

    Raises:
        UnsupportedParameter: `param` is the first such field of the request.
    """
    expressed = EXPRESSED[dialect]
    for name, value in call.document.items():
        if value is None or name in _ALWAYS or name in ABOUT_THE_CALL or _is_neutral(name, value):
            continue
        if name not in expressed:
            raise unsupported(name[:64], "its container has no such setting")


def _is_neutral(name: str, value: Any) -> bool:
    # By type too: a completion's `logprobs` of 0 asks for something, a chat's of False does not.
    return any(type(value) is type(neutral) and value == neutral for neutral in _NEUTRAL.get(name, ()))


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. None: the container's own; both are None where there is nothing to draw (`greedy`)."""

    max_new_tokens: int
    temperature: float | None
    top_p: float | None
    greedy: bool


def sampling(call: Call, target: Target) -> Sampling:
    """The client's sampling, with the target's defaults, inside what the containers accept.

    TGI refuses a temperature of 0 and a top_p of 0 or 1: the first two mean greedy decoding, the last means nothing.
    """
    temperature, top_p = call.document.get("temperature"), call.document.get("top_p")
    if temperature is None:
        temperature = target.temperature
    greedy = temperature == 0 or (top_p is not None and top_p <= 0)
    if greedy:
        temperature = top_p = None
    elif top_p is not None and top_p >= 1:
        top_p = None
    return Sampling(max_new_tokens(call, target), temperature, top_p, greedy)


def drawing(call: Call, target: Target) -> dict[str, Any]:
    """The sampling as Hugging Face's containers spell it; `do_sample` says outright what some of them infer."""
    how = sampling(call, target)
    knobs: dict[str, Any] = {"max_new_tokens": how.max_new_tokens}
    given = {"temperature": how.temperature, "top_p": how.top_p}
    drawn = {name: value for name, value in given.items() if value is not None}
    if how.greedy or drawn:
        knobs["do_sample"] = not how.greedy
    return {**knobs, **drawn}


def max_new_tokens(call: Call, target: Target) -> int:
    """The limit that is always sent: the client's, else the target's, else ours, or what the context leaves of it.

    A limit of ours must not be why a container refuses a prompt that fits.
    """
    asked = context.completion_tokens(call, target)
    if asked:
        return asked
    default = DEFAULT_MAX_NEW_TOKENS[call.kind]
    if target.max_context_tokens is None:
        return default
    return max(1, min(default, target.max_context_tokens - context.prompt_tokens(call)))


def stops(call: Call) -> tuple[str, ...]:
    """The client's stop sequences.

    Raises:
        UnsupportedParameter: too many, or one too long to be held back.
    """
    asked = call.document.get("stop") or ()
    asked = (asked,) if isinstance(asked, str) else tuple(stop for stop in asked if stop)
    if len(asked) > MAX_STOPS:
        raise unsupported("stop", f"it takes at most {MAX_STOPS} stop sequences")
    if any(len(stop) > MAX_STOP_CHARACTERS for stop in asked):
        raise unsupported("stop", f"a stop sequence has at most {MAX_STOP_CHARACTERS} characters")
    return asked


def ends(call: Call, target: Target) -> tuple[str, ...]:
    """Every text that ends an answer: the client's stops, and those of the target's template."""
    template = TEMPLATES.get(target.prompt_template or "")
    return (*stops(call), *(template.ends if template else ()))


def own(call: Call, *names: str) -> dict[str, Any]:
    """The fields of these names that the client set, null meaning unset."""
    return {name: call.document[name] for name in names if call.document.get(name) is not None}
