"""The dialect `format: openai`: containers that take OpenAI's requests on /invocations (vLLM, SGLang, LMI, TGI).

They tell a chat from a completion by `messages` or `prompt`. What answers a completion is read as a chat's answer.
Streams are SSE with [DONE] (vLLM, SGLang, TGI), or JSON lines without any terminator (LMI's async handler): then the
logical end is a finish_reason on every choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from extproc.errors import UpstreamFailed
from extproc.openai import sse, whole_answer
from extproc.openai.document import Document, NotADocument, read
from extproc.openai.template import PROBE, around_last
from extproc.sagemaker.faults import from_answer

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.template import Template
    from extproc.routing.targets import Target

# SageMaker's prefix-aware routing hashes the first 1 to 64 KiB of the body's bytes: what stays the same from turn to
# turn comes first, and what varies between callers of the same prompt comes last.
LEADING = ("messages", "prompt", "suffix", "tools", "functions", "tool_choice", "function_call", "response_format")
TRAILING = (
    "max_tokens",
    "max_completion_tokens",
    "n",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "stop",
    "logprobs",
    "top_logprobs",
    "user",
    "prompt_cache_key",
    "metadata",
    "stream",
    "stream_options",
)
# vLLM answers 404 to a model name that is not its own, TGI takes one for a LoRA adapter: the client's is never sent.
OMITTED = frozenset({"model"})
_TRAILING = frozenset(TRAILING)
_ORDERED = frozenset((*LEADING, *TRAILING, *OMITTED))
# Everybody's, and better not said: TGI turns a presence_penalty of p into a repetition_penalty of p + 2, and refuses a
# top_p of 1.
_DEFAULTS = {"presence_penalty": 0, "frequency_penalty": 0, "top_p": 1}


def request(call: Call, target: Target) -> bytes:
    """The body for the container. Fields we do not know keep their order, between the leading and the trailing ones."""
    knobs = _knobs(call, target)
    document = call.document
    # null means unset to OpenAI; older containers refuse it.
    body: Document = {}
    for name in LEADING:
        value = document.get(name)
        if value is not None:
            body[name] = value
    for name, value in document.items():
        if name not in _ORDERED:
            body[name] = value
    for name in TRAILING:
        if name in knobs:
            body[name] = knobs[name]
    if target.upstream_model is not None:
        body["model"] = target.upstream_model
    elif target.route == "openai":
        # Required there; the empty name stands for the model that the endpoint has.
        body["model"] = ""
    return orjson.dumps(body)


def _knobs(call: Call, target: Target) -> dict[str, Any]:
    """The trailing fields, in any order: the client's, with the target's defaults where the client set none."""
    knobs = {name: value for name, value in call.document.items() if name in _TRAILING and value is not None}
    if target.temperature is not None:
        knobs.setdefault("temperature", target.temperature)
    if target.max_tokens is not None and "max_completion_tokens" not in knobs:
        knobs.setdefault("max_tokens", target.max_tokens)
    if isinstance(knobs.get("stop"), str):
        # TGI takes a list only.
        knobs["stop"] = [knobs["stop"]]
    for name, default in _DEFAULTS.items():
        if name in knobs and knobs[name] == default:
            del knobs[name]
    if call.stream:
        # Usage is always asked for, for the record; the relay strips it when the client did not ask.
        knobs["stream_options"] = {**knobs.get("stream_options", {}), "include_usage": True}
    else:
        knobs.pop("stream", None)
    return knobs


def response(body: bytes, call: Call, target: Target) -> Document:
    """A whole answer.

    Raises:
        UpstreamError: it is not JSON, not a completion, or an error that came with status 200.
    """
    del target
    try:
        document = read(body)
    except NotADocument as fault:
        raise _not_understood(fault) from fault
    return finished(document, call)


def finished(document: Document, call: Call) -> Document:
    """A whole answer that was read; changed in place. Raises as `response` does."""
    error = from_answer(document, streamed=False)
    if error is not None:
        raise error
    try:
        return whole_answer.finish(document, call.model)
    except whole_answer.NotAnAnswer as fault:
        raise _not_understood(fault) from fault


def _not_understood(fault: Exception) -> UpstreamFailed:
    return UpstreamFailed(
        "The model's answer could not be understood. Try again; if it keeps failing, ask the operator.",
        detail=f"container answer: {fault}",
    )


def stream(call: Call, target: Target) -> ChatStream:
    """The translation of a streamed answer."""
    del call, target
    return ChatStream()


class ChatStream:
    """Chunks out of payload bytes. `complete` once a choice, and [DONE] or a reason on every one seen, has come."""

    def __init__(self) -> None:
        self._reader = sse.PayloadReader()
        self._done = False
        self._open: set[int] = set()
        self._finished: set[int] = set()

    @property
    def complete(self) -> bool:
        """Whether the answer's logical end was seen."""
        return bool(self._finished or self._open) and (self._done or not self._open)

    @property
    def at_rest(self) -> bool:
        """Whether what comes next is read as if it were all that ever came, but for choices that are new."""
        return not self._done and self._reader.at_rest

    def template(self, payload: bytes, name: str) -> tuple[Template, Document] | None:
        """The bytes around the text of a payload that is one chunk with nothing but a text of that name in its delta.

        With them comes the chunk whose text is PROBE. None if there are no such bytes.
        """
        template = around_last(name, payload)
        if template is None:
            return None
        # Two texts come out as they went in: they stand in the delta, and so would any other.
        chunk = None
        for text in ("", PROBE):
            chunk = _alone(template.write(text))
            match chunk:
                case {"choices": [{"delta": delta}]} if delta == {name: text}:
                    continue
            return None
        return None if chunk is None else (template, chunk)

    def feed(self, payload: bytes) -> list[Document]:
        """Take payload bytes, cut anywhere. Nothing comes after [DONE]."""
        return [] if self._done else self.take(self._reader.feed(payload))

    def finish(self) -> list[Document]:
        """The payload has ended."""
        return [] if self._done else self.take(self._reader.finish())

    def take(self, payloads: list[sse.Payload]) -> list[Document]:
        """Take what a reader has read; give the chunks."""
        chunks: list[Document] = []
        for payload in payloads:
            if self._done or payload is sse.DONE:
                self._done = True
                break
            chunk = _as_chunk(payload)
            self._note_ends(chunk.get("choices"))
            chunks.append(chunk)
        return chunks

    def _note_ends(self, choices: Any) -> None:
        for at, choice in enumerate(choices if isinstance(choices, list) else ()):
            if not isinstance(choice, dict):
                continue
            index = choice.get("index")
            number = index if isinstance(index, int) else at
            if choice.get("finish_reason"):
                self._finished.add(number)
                self._open.discard(number)
            elif number not in self._finished:
                self._open.add(number)


def _alone(payload: bytes) -> Document | None:
    """The chunk that a payload is by itself, in the middle of a stream; None if it is more or less than one."""
    stream = ChatStream()
    try:
        # What only a stream's first bytes can be is not looked for behind them.
        chunks = stream.feed(b"\n") + stream.feed(payload)
    except sse.PayloadFault:
        return None
    return chunks[0] if len(chunks) == 1 and stream.at_rest else None


def _as_chunk(document: Document) -> Document:
    """A chat's chunk out of a completion's, or out of a whole answer: what a container that ignores `stream` sends."""
    choices = document.get("choices")
    if not isinstance(choices, list):
        return document
    for choice in choices:
        if not isinstance(choice, dict) or "delta" in choice:
            continue
        if isinstance(choice.get("text"), str):
            choice["delta"] = {"content": choice.pop("text")}
        elif isinstance(choice.get("message"), dict):
            delta = choice["delta"] = choice.pop("message")
            calls = delta.get("tool_calls")
            for at, call in enumerate(calls if isinstance(calls, list) else ()):
                if isinstance(call, dict):
                    call.setdefault("index", at)
    return document
