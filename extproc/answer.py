"""From SageMaker's answer to the client's: whole, or as a stream. Decode, translate, judge, in OpenAI's format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.errors import CallerError, GatewayError, GatewayUnavailable, PolicyRefusal, UpstreamError
from extproc.openai import context, sse, text
from extproc.openai.replay import replay
from extproc.openai.stream import Relay
from extproc.policies.verdict import Block, Guard, Phase, Place, PolicyFailed, Text
from extproc.record import fault
from extproc.sagemaker import eventstream, faults
from extproc.translate import translator

if TYPE_CHECKING:
    from extproc.ask import Asked
    from extproc.openai.chat import ChatCall
    from extproc.openai.document import Document
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


def whole(body: bytes, *, asked: Asked, target: Target, guard: Guard, record: ExchangeRecord) -> bytes:
    """A whole answer in OpenAI's format, judged; as the events of a stream if one was asked for.

    Raises:
        GatewayError: the answer cannot be used, or a policy refused it.
    """
    try:
        document = _identified(translator("chat", target.format).response(body, asked.call, target), record)
    except GatewayError as error:
        censor(error, guard)
        raise
    record.finished_with(choice.get("finish_reason") for choice in document["choices"])
    slots = text.response_slots(document, text.function_names(asked.call.document))
    # As in a stream: what the model said, and not what else the container tells.
    said = sum(len(slot.text.text) for slot in slots if slot.text.place.path[2:3] == ("message",))
    _account(record, document.get("usage"), asked.call, said)
    try:
        judgement = guard.judge([slot.text for slot in slots])
    except PolicyFailed as failure:
        raise policy_failure(failure) from failure
    record.found(Phase.RESPONSE, judgement.findings, judgement.scores)
    record.skipped_policies.update(judgement.failed)
    if judgement.block is not None:
        raise refusal(judgement.block, record)
    for slot, judged in zip(slots, judgement.texts, strict=True):
        if judged != slot.text.text:
            slot.replace(judged)
    if not asked.call.stream:
        return orjson.dumps(document)
    chunks = replay(document, include_usage=asked.call.include_usage)
    return b"".join([*map(sse.event, chunks), sse.DONE_EVENT])


def refusal(block: Block, record: ExchangeRecord) -> PolicyRefusal:
    """The error a blocked answer becomes."""
    record.blocked(Phase.RESPONSE, block)
    return PolicyRefusal(block.message, code="output_blocked", policy=block.policy)


def policy_failure(failure: PolicyFailed) -> GatewayUnavailable:
    """The error that a policy's failure on an answer becomes: it is never let through unguarded."""
    return GatewayUnavailable(
        "A policy of the gateway failed, so the answer was not let through. Try again, or ask the operator.",
        detail=f"policy {failure.policy} failed: {fault(failure.__cause__)}",
    )


def censor(error: GatewayError, guard: Guard) -> None:
    """Let the policies judge what an error repeats of the upstream's words, for the client and for the record."""
    if isinstance(error, UpstreamError | CallerError):
        error.message = _judged(error.message, guard) or "The model's container refused the request or failed."
    if error.detail:
        error.detail = _judged(error.detail, guard) or "withheld: the policies did not pass what the upstream said"


def _judged(said: str, guard: Guard) -> str | None:
    place = Place(Phase.RESPONSE, "assistant", "other", path=("error", "message"))
    try:
        judgement = guard.judge([Text(place, said)])
    except PolicyFailed:
        return None
    return None if judgement.block is not None else judgement.texts[0]


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
        self._payload = translator("chat", target.format).stream(asked.call, target)
        functions = text.function_names(asked.call.document)
        self._relay = Relay(guard, asked.call.model, asked.call.include_usage, functions)

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
            out.append(self.fail(policy_failure(failure)))
        except eventstream.EventStreamFault as broken:
            out.append(self.fail(faults.broken_off(f"event stream: {broken!r}")))
        except sse.PayloadFault as broken:
            out.append(self.fail(faults.broken_off(f"payload: {broken!r}")))
        # At once: of a stream without an end they would be more and more.
        self._record.found(Phase.RESPONSE, self._relay.take_findings())
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
        record.finished_with(relay.finish_reasons)
        # A stream that failed before it said anything has used nothing that we know of.
        if relay.usage is not None or relay.completion_characters or relay.finish_reasons:
            _account(record, relay.usage, self._call, relay.completion_characters)

    def _take(self, data: bytes, out: list[bytes]) -> None:
        if self._frames is None:
            self._payloads(data, out)
            return
        for frame in self._frames.feed(data):
            error = faults.from_frame(frame)
            if error is not None:
                raise error
            # AWS may add kinds of events; its own clients skip those they do not know.
            if frame.event_type == "PayloadPart":
                self._payloads(frame.payload, out)
            if self.ended:
                return

    def _payloads(self, data: bytes, out: list[bytes]) -> None:
        for chunk in self._payload.feed(data):
            out.extend(sse.event(released) for released in self._relay.push(_identified(chunk, self._record)))
            self._stop_if_refused()

    def _stop_if_refused(self) -> None:
        if self._relay.block is not None:
            raise refusal(self._relay.block, self._record)
        if self._relay.error is not None:
            raise self._relay.error

    def _finish(self, out: list[bytes]) -> None:
        if self._frames is not None:
            self._frames.finish()
        for chunk in self._payload.finish():
            out.extend(sse.event(released) for released in self._relay.push(_identified(chunk, self._record)))
            self._stop_if_refused()
        if not self._payload.complete:
            raise faults.broken_off("the stream ended before the answer was complete")
        out.extend(sse.event(released) for released in self._relay.finish())
        self._stop_if_refused()
        out.append(sse.DONE_EVENT)
        self.ended = True
        self.account()


def _identified(document: Document, record: ExchangeRecord) -> Document:
    """An answer, or a chunk of it, with the id and the time that clients expect and most containers do not tell."""
    document.setdefault("id", f"chatcmpl-{record.request_id}")
    document.setdefault("created", int(record.started))
    return document


def _account(record: ExchangeRecord, usage: object, call: ChatCall, characters: int) -> None:
    """Tokens as the container counted them; what it does not tell is estimated, and marked so."""
    told = usage if isinstance(usage, dict) else {}
    prompt, completion = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens"))
    # A dialect that has to tell the client a number itself says which it could only estimate.
    record.tokens_estimated = prompt is None or completion is None or bool(told.get("estimated"))
    record.prompt_tokens = context.prompt_tokens(call) if prompt is None else prompt
    record.completion_tokens = -(-characters // CHARACTERS_PER_TOKEN) if completion is None else completion


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
