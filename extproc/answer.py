"""From SageMaker's answer to the client's: whole, or as a stream. Decode, translate, judge, in OpenAI's format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.errors import GatewayError, GatewayUnavailable, PolicyRefusal
from extproc.openai import sse, text
from extproc.openai.stream import Relay
from extproc.policies.verdict import Block, Guard, Phase, PolicyFailed
from extproc.sagemaker import eventstream, faults
from extproc.translate import translator

if TYPE_CHECKING:
    from extproc.ask import Asked
    from extproc.openai.document import Document
    from extproc.record import ExchangeRecord
    from extproc.routing.targets import Target

EVENT_STREAM = "application/vnd.amazon.eventstream"


def whole(body: bytes, *, asked: Asked, target: Target, guard: Guard, record: ExchangeRecord) -> bytes:
    """A whole answer in OpenAI's format, judged.

    Raises:
        GatewayError: the answer cannot be used, or a policy refused it.
    """
    document = _identified(translator("chat", target.format).response(body, asked.call, target), record)
    _account(record, document.get("usage"))
    slots = text.response_slots(document)
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
    record.finish_reasons = tuple(
        str(choice["finish_reason"]) for choice in document.get("choices", ()) if choice.get("finish_reason")
    )
    return orjson.dumps(document)


def refusal(block: Block, record: ExchangeRecord) -> PolicyRefusal:
    """The error a blocked answer becomes."""
    record.blocked(Phase.RESPONSE, block)
    return PolicyRefusal(block.message, code="output_blocked", policy=block.policy)


def policy_failure(failure: PolicyFailed) -> GatewayUnavailable:
    """The error that a policy's failure on an answer becomes: it is never let through unguarded."""
    return GatewayUnavailable(
        "A policy of the gateway failed, so the answer was not let through. Try again, or ask the operator.",
        detail=f"policy {failure.policy} failed: {failure.__cause__!r}",
    )


class StreamedAnswer:
    """A stream on its way: event-stream frames (or a bare payload) in, server-sent events out.

    After `ended` is True nothing more comes out: the stream was finished, failed, or was blocked; `error` says which.
    """

    def __init__(self, *, asked: Asked, target: Target, guard: Guard, record: ExchangeRecord, framed: bool) -> None:
        self.ended = False
        self.error: GatewayError | None = None
        self._record = record
        self._frames = eventstream.Decoder() if framed else None
        self._payload = translator("chat", target.format).stream(asked.call, target)
        self._relay = Relay(guard, asked.call.model, asked.call.include_usage)

    def push(self, data: bytes, *, last: bool) -> bytes:
        """Take the next bytes of the upstream's body; give what may go to the client now."""
        out: list[bytes] = []
        try:
            self._take(data, out)
            if last and not self.ended:
                self._finish(out)
        except GatewayError as error:
            self.fail(error, out)
        except PolicyFailed as failure:
            self.fail(policy_failure(failure), out)
        except eventstream.EventStreamFault as fault:
            self.fail(faults.broken_off(f"event stream: {fault!r}"), out)
        except sse.PayloadFault as fault:
            self.fail(faults.broken_off(f"payload: {fault!r}"), out)
        return b"".join(out)

    def fail(self, error: GatewayError, out: list[bytes]) -> None:
        """End with an error event and no [DONE]: truncation is invisible to SDKs otherwise."""
        self.ended, self.error = True, error
        out.append(sse.error_event(error))
        self.account()

    def account(self) -> None:
        """Tell the record what has passed so far; also right after an abort."""
        relay, record = self._relay, self._record
        record.found(Phase.RESPONSE, relay.take_findings())
        record.finish_reasons = tuple(relay.finish_reasons)
        _account(record, relay.usage)

    def _take(self, data: bytes, out: list[bytes]) -> None:
        if self._frames is None:
            self._payloads(data, out)
            return
        for frame in self._frames.feed(data):
            fault = faults.from_frame(frame)
            if fault is not None:
                raise fault
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


def _account(record: ExchangeRecord, usage: object) -> None:
    if isinstance(usage, dict):
        prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
        record.prompt_tokens = prompt if isinstance(prompt, int) else record.prompt_tokens
        record.completion_tokens = completion if isinstance(completion, int) else record.completion_tokens
