"""From SageMaker's answer to the client's: whole, or as a stream. Decode, translate, judge, in OpenAI's format."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from extproc.errors import GatewayError
from extproc.judge import censor, judge, policy_failure, refusal
from extproc.openai import context, sse, text
from extproc.openai.endpoint import GENERATIONS, Generation
from extproc.openai.replay import replay
from extproc.openai.stream import Relay
from extproc.openai.template import around_probe
from extproc.policies.verdict import Guard, Phase, PolicyFailed
from extproc.sagemaker import eventstream, faults
from extproc.translate import stream_translator, translator

if TYPE_CHECKING:
    from extproc.ask import Asked
    from extproc.events import Headers
    from extproc.openai.call import Call
    from extproc.openai.document import Document
    from extproc.openai.repetition import Repetition
    from extproc.openai.template import Template
    from extproc.record import ExchangeRecord
    from extproc.routing.targets import Target

EVENT_STREAM = "application/vnd.amazon.eventstream"
# The head of a stream for the client.
EVENTS = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
# What an upstream's answer carries that is no business of the client's.
UPSTREAM_HEADERS = (
    "x-amzn-requestid",
    "x-amzn-errortype",
    "x-amzn-invoked-production-variant",
    "x-amzn-sagemaker-content-type",
    "x-amzn-sagemaker-custom-attributes",
    "x-amzn-sagemaker-new-session-id",
    "x-amzn-sagemaker-closed-session-id",
    "x-kt-retriable",
    "content-length",
    "content-encoding",
)
# Where a container does not report usage. English has about 4 characters a token; other scripts have fewer.
CHARACTERS_PER_TOKEN = 4
# Choices of a stream whose chunks are known again: each is looked at for every chunk.
_MOST_RECURRING = 4


def whole(body: bytes, *, asked: Asked, target: Target, guard: Guard, record: ExchangeRecord) -> bytes:
    """A whole answer in OpenAI's format, judged; as the events of a stream if one was asked for.

    Raises:
        GatewayError: the answer cannot be used, or a policy refused it.
    """
    call = asked.call
    try:
        document = translator(call.kind, target.format).response(body, call, target)
    except GatewayError as error:
        censor(error, guard)
        raise
    endpoint = GENERATIONS.get(call.kind)
    if endpoint is None:
        # Vectors: counts and numbers of our own writing, in which there is nothing to judge.
        _account(record, {**document["usage"], "completion_tokens": 0}, call, 0)
        return orjson.dumps(document)
    document = _identified(document, endpoint, record)
    record.finished_with([choice.get("finish_reason") for choice in document["choices"]])
    slots = text.response_slots(document, text.Expected.by(call.document))
    # As in a stream: what the model said, and not what else the container tells.
    said = sum([len(slot.text.text) for slot in slots if slot.text.place.path[2:3] == ("message",)])
    document["usage"] = _account(record, document.get("usage"), call, said)
    if asked.guarded:
        judge(slots, Phase.RESPONSE, guard, record)
    else:
        record.found(Phase.RESPONSE, ())
    if not call.stream:
        return orjson.dumps(endpoint.whole(document))
    chunks = replay(document, include_usage=call.include_usage)
    return b"".join([*(sse.event(endpoint.chunk(chunk)) for chunk in chunks), sse.DONE_EVENT])


def framed(headers: Headers) -> bool:
    """Whether an answer comes as frames of an event stream."""
    return headers.get("content-type", "").lower().startswith(EVENT_STREAM)


def streamed(headers: Headers) -> bool:
    """Whether an answer is a stream: in frames, or bare server-sent events."""
    return framed(headers) or headers.get("content-type", "").lower().startswith("text/event-stream")


def failure(
    body: bytes, headers: Headers, *, asked: Asked, target: Target, guard: Guard, record: ExchangeRecord
) -> GatewayError:
    """The error of a stream that failed before its first content: the client has got nothing of it yet."""
    stream = StreamedAnswer(asked, target, guard=guard, record=record, framed=framed(headers))
    stream.push(body, last=True)
    return faults.unanswered(stream.error or faults.broken_off("a stream without content"))


class _Recurring(NamedTuple):
    """A chunk that comes again and again with another text, as the container tells it and as it is sent."""

    repeated: Repetition
    told: Template
    sent: Template


class StreamedAnswer:
    """A stream on its way: event-stream frames (or a bare payload) in, server-sent events out.

    After `ended` is True nothing more comes out: the stream was finished, failed, or was blocked; `error` says which.
    """

    def __init__(self, asked: Asked, target: Target, *, guard: Guard, record: ExchangeRecord, framed: bool) -> None:
        self.ended = False
        self.error: GatewayError | None = None
        self._call = asked.call
        self._guard = guard
        self._record = record
        self._frames = eventstream.Decoder() if framed else None
        # Whether the last frame was part of the payload.
        self._is_part = False
        self._endpoint = GENERATIONS[asked.call.kind]
        self._payload = stream_translator(asked.call.kind, target.format).stream(asked.call, target)
        expected = text.Expected.by(asked.call.document)
        # What nearly all of the stream is made of, and what was last taken for that, by choice.
        self._recurring: list[_Recurring] = []
        self._tried: dict[int, Repetition] = {}
        self._at_rest = False
        self._relay = Relay(guard, asked.call.model, asked.call.include_usage, expected)

    def push(self, data: bytes, *, last: bool) -> bytes:
        """Take the next bytes of the upstream's body; give what may go to the client now."""
        if self.ended:
            return b""
        out: list[bytes] = []
        try:
            self._take(data, out)
            if last and not self.ended:
                self._finish(out)
        except GatewayError as error:
            censor(error, self._guard)
            out.append(self.fail(error))
        except PolicyFailed as failure:
            out.append(self.fail(policy_failure(failure, Phase.RESPONSE)))
        except eventstream.EventStreamFault as broken:
            out.append(self.fail(faults.broken_off(f"event stream: {broken!r}")))
        except sse.PayloadFault as broken:
            out.append(self.fail(faults.broken_off(f"payload: {broken!r}")))
        # At once: of a stream without an end they would be more and more.
        if findings := self._relay.take_findings():
            self._record.found(Phase.RESPONSE, findings)
        return b"".join(out)

    def fail(self, error: GatewayError) -> bytes:
        """End with an error event, which this returns, and no [DONE]: truncation is invisible to SDKs otherwise."""
        self.ended, self.error = True, error
        self.account()
        return sse.error_event(error)

    def account(self) -> None:
        """Tell the record what has passed so far; also right after an abort."""
        relay, record = self._relay, self._record
        record.found(Phase.RESPONSE, relay.take_findings())
        record.skipped_policies.update(self._guard.failed)
        record.finished_with(relay.finish_reasons)
        # A stream that failed before it said anything has used nothing that we know of.
        if relay.usage is not None or relay.completion_characters or relay.finish_reasons:
            _account(record, relay.usage, self._call, relay.completion_characters)

    def _take(self, data: bytes, out: list[bytes]) -> None:
        frames = self._frames
        if frames is None:
            self._payloads(data, out)
            return
        # Nearly always one frame comes, with the headers of the last.
        if self._is_part and (payload := frames.again(data)) is not None:
            self._payloads(payload, out)
            return
        for frame in frames.feed(data):
            error = faults.from_frame(frame)
            if error is not None:
                raise error
            # AWS may add kinds of events; its own clients skip those they do not know.
            self._is_part = frame.headers.get(":event-type") == "PayloadPart"
            if self._is_part:
                self._payloads(frame.payload, out)
            if self.ended:
                return

    def _payloads(self, data: bytes, out: list[bytes]) -> None:
        rested = self._at_rest
        if rested:
            for repeated, told, sent in self._recurring:
                if text := told.read(data):
                    passed = self._relay.repeat(repeated, text)
                    if type(passed) is str:
                        if passed:
                            out.append(sent.write(passed))
                        return
                    if isinstance(passed, list):
                        self._write(passed, out)
                        self._stop_if_refused()
                        return
        chunks = self._payload.feed(data)
        self._relayed(chunks, out)
        self._at_rest = self._payload.at_rest
        if rested and len(chunks) == 1 and self._relay.repeated is not None:
            self._remember(data, self._relay.repeated)

    def _remember(self, data: bytes, repeated: Repetition) -> None:
        """Know such a payload again, whatever its text: it has just repeated the one before it."""
        if self._tried.get(repeated.choice) == repeated:
            return
        self._tried[repeated.choice] = repeated
        others = [known for known in self._recurring if known.repeated.choice != repeated.choice]
        found = self._payload.template(data, repeated.path[0]) if len(others) < _MOST_RECURRING else None
        if found is None:
            return
        told, chunk = found
        sample = self._relay.sample(_identified(chunk, self._endpoint, self._record), repeated)
        sent = None if sample is None else around_probe(sse.event(self._endpoint.chunk(sample)))
        if sent is not None:
            self._recurring = [*others, _Recurring(repeated, told, sent)]

    def _relayed(self, chunks: list[Document], out: list[bytes]) -> None:
        for chunk in chunks:
            self._write(self._relay.push(_identified(chunk, self._endpoint, self._record)), out)
            self._stop_if_refused()

    def _write(self, chunks: list[Document], out: list[bytes]) -> None:
        out += [sse.event(self._endpoint.chunk(chunk)) for chunk in chunks]

    def _stop_if_refused(self) -> None:
        if self._relay.block is not None:
            raise refusal(self._relay.block, Phase.RESPONSE, self._record)
        if self._relay.error is not None:
            raise self._relay.error

    def _finish(self, out: list[bytes]) -> None:
        if self._frames is not None:
            self._frames.finish()
        self._relayed(self._payload.finish(), out)
        if not self._payload.complete:
            raise faults.broken_off("the stream ended before the answer was complete")
        if self._relay.usage is None:
            self._relay.usage = _account(self._record, None, self._call, self._relay.completion_characters)
        self._write(self._relay.finish(), out)
        self._stop_if_refused()
        out.append(sse.DONE_EVENT)
        self.ended = True
        self.account()


def _identified(document: Document, endpoint: Generation, record: ExchangeRecord) -> Document:
    """An answer, or a chunk of it, with the id and the time that clients expect and most containers do not tell."""
    if "id" not in document:
        document["id"] = endpoint.ID_PREFIX + record.request_id
    if "created" not in document:
        document["created"] = int(record.started)
    return document


def _account(record: ExchangeRecord, usage: object, call: Call, characters: int) -> Document:
    """Tell the record the tokens, and give them in OpenAI's form: the container's counts, and estimates for the others.

    `estimated` names those; a dialect that has to tell the client a number itself names them, too.
    """
    told = usage if isinstance(usage, dict) else {}
    prompt, completion = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens"))
    if prompt is not None and completion is not None and not told.get("estimated"):
        record.prompt_tokens, record.completion_tokens, record.tokens_estimated = prompt, completion, False
        return told
    guessed = set(told.get("estimated") or ())
    if prompt is None:
        prompt = context.prompt_tokens(call)
        guessed.add("prompt_tokens")
    if completion is None:
        completion = -(-characters // CHARACTERS_PER_TOKEN)
        guessed.add("completion_tokens")
    record.prompt_tokens, record.completion_tokens, record.tokens_estimated = prompt, completion, True
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {**told, **counts, "estimated": sorted(guessed)}


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
