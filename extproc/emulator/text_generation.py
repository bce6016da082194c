"""Containers that generate text instead of messages: what each takes, refuses, and answers.

TGI's refusals are those of its router/src/validation.rs, LMI's defaults those of its input schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from extproc.emulator import container, text_events
from extproc.emulator.container import ContainerRefused
from extproc.emulator.prompts import last_user_text, spelled
from extproc.emulator.stops import until
from extproc.emulator.text_events import Said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from extproc.emulator.knobs import Knobs


@dataclass(frozen=True, slots=True)
class Personality:
    """One container. `error` is how it says in mid-stream that the generation failed."""

    read: Callable[[dict[str, Any], bytes], Asked]
    whole: Callable[[Said], bytes]
    events: Callable[[Said], Iterator[bytes]]
    content_type: str
    error: bytes

    def complete(self, document: dict[str, Any], knobs: Knobs, attributes: bytes, number: int) -> Said:
        """Answer a request; `attributes` is its header of custom attributes.

        Raises:
            ContainerRefused: what this container would refuse.
        """
        asked = self.read(document, attributes)
        echo = {"messages": [{"role": "user", "content": asked.text}], "max_tokens": asked.limit}
        completion = container.complete(echo, knobs, "", 0, number)
        tokens, stop = until(completion.tokens, asked.stops, keep=asked.keeps_stop)
        reason = "stop_sequence" if stop is not None else completion.finish_reason
        return Said(tokens, reason, len(asked.prompt.split()), asked.details)


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request decides the answer. `keeps_stop`: the stop sequence is part of it."""

    prompt: str
    text: str
    limit: int
    stops: tuple[str, ...] = ()
    keeps_stop: bool = False
    details: bool = False


def _refused(status: int, error: str, **fields: object) -> ContainerRefused:
    return ContainerRefused.in_own_words(status, {"error": error, **fields})


def _parameters(document: dict[str, Any]) -> dict[str, Any]:
    parameters = document.get("parameters")
    return parameters if isinstance(parameters, dict) else {}


def _tgi(document: dict[str, Any], _: bytes) -> Asked:
    def invalid(message: str) -> ContainerRefused:
        return _refused(422, f"Input validation error: {message}", error_type="validation")

    prompt, parameters = document.get("inputs"), _parameters(document)
    if not isinstance(prompt, str):
        raise invalid("data did not match any variant of untagged enum SagemakerRequest")
    if not prompt:
        raise invalid("`inputs` cannot be empty")
    temperature, top_p = parameters.get("temperature", 1), parameters.get("top_p", 0.5)
    if temperature <= 0:
        raise invalid("`temperature` must be strictly positive")
    if not 0 < top_p < 1:
        raise invalid("`top_p` must be > 0.0 and < 1.0")
    limit, stops = parameters.get("max_new_tokens", 20), parameters.get("stop", [])
    if limit <= 0:
        raise invalid("`max_new_tokens` must be strictly positive")
    if len(stops) > 4:
        raise invalid(f"`stop` supports up to 4 stop sequences. Given: {len(stops)}")
    details = parameters.get("details") is True
    return Asked(prompt, last_user_text(prompt), limit, tuple(stops), keeps_stop=True, details=details)


def _lmi(stop: str, *, details: bool = False) -> Callable[[dict[str, Any], bytes], Asked]:
    """Return how LMI reads a request: under which name it finds stops, and whether it gives details unasked."""

    def read(document: dict[str, Any], _: bytes) -> Asked:
        prompt, parameters = document.get("inputs"), _parameters(document)
        if not isinstance(prompt, str):
            raise _refused(424, "Input parsing failed. Ensure that the request payload is valid.", code=424)
        stops = tuple(parameters.get(stop, ()))
        limit = parameters.get("max_new_tokens", 30)
        wanted = parameters.get("details", details) is True
        return Asked(prompt, last_user_text(prompt), limit, stops, details=wanted)

    return read


def _lmi_dynamic(document: dict[str, Any], _: bytes) -> Asked:
    known = {"max_new_tokens", "do_sample", "temperature", "top_p", "top_k", "repetition_penalty"}
    prompt, parameters = document.get("inputs"), _parameters(document)
    unknown = sorted(parameters.keys() - known)
    if unknown or not isinstance(prompt, str):
        said = f"The following `model_kwargs` are not used by the model: {unknown}"
        raise _refused(424, said, code=424, message="invoke handler failure")
    return Asked(prompt, last_user_text(prompt), parameters.get("max_new_tokens", 30))


def _check_licence(attributes: bytes) -> None:
    pairs = dict(pair.partition("=")[::2] for pair in attributes.decode("latin-1").split(";"))
    if pairs.get("accept_eula") != "true":
        raise _refused(
            400, "Need to pass custom_attributes='accept_eula=true' as part of header. This means you have read and "
            "accept the end-user license agreement (EULA) of the model."
        )  # fmt: skip


def _llama2(document: dict[str, Any], attributes: bytes) -> Asked:
    _check_licence(attributes)
    dialogs = document.get("inputs")
    if not isinstance(dialogs, list) or not dialogs or not all(isinstance(dialog, list) for dialog in dialogs):
        raise _refused(400, "inputs must be a list of dialogs")
    roles = [message.get("role") for message in dialogs[0]]
    talk = roles[1:] if roles[:1] == ["system"] else roles
    if talk != [("user", "assistant")[at % 2] for at in range(len(talk))] or talk[-1:] != ["user"]:
        raise _refused(
            400, "model only supports 'system', 'user' and 'assistant' roles, starting with 'system', then 'u"
        )
    text = str(dialogs[0][-1].get("content"))
    prompt = " ".join(str(message.get("content")) for message in dialogs[0])
    return Asked(prompt, spelled(text), _parameters(document).get("max_new_tokens", 256))


def _llama2_text(document: dict[str, Any], attributes: bytes) -> Asked:
    _check_licence(attributes)
    prompt = document.get("inputs")
    if not isinstance(prompt, str):
        raise _refused(400, "inputs must be a string")
    return Asked(prompt, spelled(prompt), _parameters(document).get("max_new_tokens", 256))


def _bedrock(document: dict[str, Any], _: bytes) -> Asked:
    prompt = document.get("prompt")
    if not isinstance(prompt, str):
        raise _refused(424, "Input parsing failed. Ensure that the request payload is valid.", code=424)
    return Asked(prompt, last_user_text(prompt), document.get("max_gen_len", 512))


_SSE, _LINES = "text/event-stream", "application/jsonlines"
_FAILED = {"error": "Request failed during generation: Server error: CUDA out of memory", "error_type": "generation"}
_LMI_FAILED = {
    "token": {"id": -1, "text": "", "log_prob": -1, "special_token": True},
    "generated_text": "",
    "details": {"finish_reason": "error", "generated_tokens": None, "inputs": None},
}

PERSONALITIES: Mapping[str, Personality] = {
    "tgi": Personality(
        _tgi, text_events.array, text_events.tgi(b"data: "), _SSE, b"data: " + orjson.dumps(_FAILED) + b"\n\n"
    ),
    "tgi-nospace": Personality(
        _tgi, text_events.array, text_events.tgi(b"data:"), _SSE, b"data:" + orjson.dumps(_FAILED) + b"\n\n"
    ),
    "lmi": Personality(
        _lmi("stop"),
        text_events.lmi_object,
        text_events.lmi_async,
        _LINES,
        b'{"error": {"message": "EngineCore encountered an issue.", "type": "InternalServerError", "code": 500}}\n',
    ),
    "lmi-rolling": Personality(
        _lmi("stop_sequences"),
        text_events.rolling_object,
        text_events.lmi_rolling,
        _LINES,
        orjson.dumps(_LMI_FAILED) + b"\n",
    ),
    "lmi-compat": Personality(
        _lmi("stop_sequences", details=True),
        text_events.rolling_array,
        text_events.lmi_compat,
        _SSE,
        b"data: " + orjson.dumps(_LMI_FAILED) + b"\n\n",
    ),
    "lmi-dynamic": Personality(
        _lmi_dynamic,
        text_events.bare_array,
        text_events.lmi_dynamic,
        _LINES,
        b'{"code": 424, "message": "invoke handler failure", "error": "prediction failure"}\n',
    ),
    "llama2": Personality(
        _llama2,
        text_events.dialog,
        text_events.tgi(b"data: "),
        _SSE,
        b"data: " + orjson.dumps(_FAILED) + b"\n\n",
    ),
    "llama2-text": Personality(
        _llama2_text,
        text_events.generation,
        text_events.tgi(b"data: "),
        _SSE,
        b"data: " + orjson.dumps(_FAILED) + b"\n\n",
    ),
    "bedrock": Personality(
        _bedrock,
        text_events.wrapped,
        text_events.wrapped_lines,
        _LINES,
        b'{"body": {"generation": "", "stop_reason": "error"}}\n',
    ),
}
