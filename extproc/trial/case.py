"""One test case through the policies: its request, its answer, or both, by the functions that judge real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from extproc import answer
from extproc.ask import Asked
from extproc.config.problem import dotted
from extproc.errors import GatewayError, MalformedRequest, PolicyRefusal
from extproc.judge import judge
from extproc.openai import chat, completions, embeddings
from extproc.openai.call import Call
from extproc.openai.text import request_slots
from extproc.policies.verdict import Phase
from extproc.record import ExchangeRecord
from extproc.routing.targets import Target
from extproc.trial.witness import BLOCK, REDACT, Witness

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.config.model.testing import Case, Expected
    from extproc.openai.document import Document
    from extproc.openai.endpoint import Endpoint
    from extproc.policies.chain import Chain
    from extproc.trial.witness import Found, Said

# Neither stands in a text, nor is it asked for anything.
MODEL = "model"
_TARGET = Target("test", "test", (MODEL,), "us-east-1")
_ENDPOINTS: Mapping[str, Endpoint] = {"messages": chat, "prompt": completions, "input": embeddings}
# What a case's verdict is when it could not be judged to its end.
ERROR = "error"
NO_REASON = "all_policies_passed"
# The published names of reasons, where a kind's own name is not the first word.
_REASONS = {"pii-detector": "pii.detected", "dlp-filter": "dlp.detected"}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A part of the outcome that is not as expected, both as JSON values."""

    what: str
    expected: object
    actual: object


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case. `actual` has each part that `expected` may name and this case has.

    `error` says why it could not be judged to its end, "" if it was.
    """

    verdict: str
    reason_code: str
    said: tuple[Said, ...]
    actual: Document
    mismatches: tuple[Mismatch, ...]
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.mismatches and not self.error


def run(case: Case, chain: Chain) -> Outcome:
    """Judge a case and compare it with what it expects. Never raises: what the gateway would refuse is an error."""
    witness = Witness(chain)
    record = ExchangeRecord(started=0.0, config={})
    call: Call | None = None
    passed_on: Document = {}
    error = ""
    try:
        call = _call(case)
        judge(request_slots(call.document) if _asks(case) else [], Phase.REQUEST, witness, record)
        passed_on = _as_it_goes_on(case, call)
        upstream = _upstream(case)
        if upstream is not None:
            passed_on["answer"] = _answered(upstream, call, witness, record)
    except PolicyRefusal:
        pass
    except GatewayError as fault:
        error = f"{fault.message} ({fault.detail})" if fault.detail else fault.message
    said = (*witness.said(Phase.REQUEST), *witness.said(Phase.RESPONSE))
    verdict = ERROR if error else record.verdict
    reason = _reason(verdict, said)
    findings = [_finding(found, phase) for phase in Phase for found in witness.found(phase)]
    actual = {"verdict": verdict, "reason_code": reason, **passed_on, "findings": findings}
    return Outcome(verdict, reason, said, actual, tuple(_compared(case.expected, actual)), error)


def _asks(case: Case) -> bool:
    return case.input.messages is not None or case.input.request is not None


def _call(case: Case) -> Call:
    """The request, read as the gateway reads it; one without words where the case has only an answer."""
    if not _asks(case):
        return Call(MODEL, False, False, {"model": MODEL, "messages": []})
    document = {"model": MODEL, **(case.input.request or {"messages": case.input.messages})}
    form = next((name for name in _ENDPOINTS if name in document), "messages")
    try:
        body = orjson.dumps(document)
    except TypeError as fault:
        raise MalformedRequest(f"The case holds what JSON cannot: {fault}.") from None
    return _ENDPOINTS[form].parse(body)


def _upstream(case: Case) -> bytes | None:
    given = case.input
    if given.answer is None and given.upstream_response is None:
        return None
    message = {"role": "assistant", "content": given.answer}
    document = given.upstream_response or {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    try:
        return orjson.dumps(document)
    except TypeError as fault:
        raise MalformedRequest(f"The case holds what JSON cannot: {fault}.") from None


def _answered(upstream: bytes, call: Call, witness: Witness, record: ExchangeRecord) -> str:
    """The text of the answer as the client gets it: of the first choice, or the calls it makes."""
    if call.kind == embeddings.KIND:
        raise MalformedRequest("Vectors have no text: a case of embeddings has no answer.")
    whole = Call(call.model, False, False, call.document, call.kind)
    asked = Asked(whole, (_TARGET,), b"", (), {})
    document = orjson.loads(answer.whole(upstream, asked=asked, target=_TARGET, guard=witness, record=record))
    choice = document["choices"][0]
    message = choice.get("message", {})
    text = choice.get("text") if call.kind == completions.KIND else message.get("content")
    return text if isinstance(text, str) else orjson.dumps(message.get("tool_calls")).decode()


def _as_it_goes_on(case: Case, call: Call) -> Document:
    if case.input.messages is not None:
        return {"messages": call.document["messages"]}
    if case.input.request is not None:
        return {"request": {name: value for name, value in call.document.items() if name in case.input.request}}
    return {}


def _reason(verdict: str, said: tuple[Said, ...]) -> str:
    """By the policy that blocked, else the first that redacted."""
    for decisive in (BLOCK, REDACT):
        for one in said:
            if verdict == decisive == one.verdict:
                return _REASONS.get(one.policy, one.policy.replace("-", "_") + ".detected")
    return "" if verdict == ERROR else NO_REASON


def _finding(found: Found, phase: Phase) -> Document:
    finding = found.finding
    return {
        "phase": phase.value,
        "policy": finding.policy,
        "entity": finding.entity,
        "path": dotted(found.place.path),
        "start": finding.start,
        "end": finding.end,
    }


def _compared(expected: Expected, actual: Document) -> Iterator[Mismatch]:
    wanted: dict[str, Any] = expected.model_dump(exclude_none=True)
    for name, value in wanted.items():
        given: Any = actual.get(name)
        if name == "reason_code" and _plain(value) == _plain(given):
            continue
        if name == "request" and given is not None:
            given = {field: given.get(field) for field in value}
        if name == "findings":
            # Only what the case says of each.
            said = [{key: found[key] for key in one} for one, found in zip(value, given, strict=False)]
            given = [*said, *given[len(value) :]]
        if value != given:
            yield Mismatch(name, value, given)


def _plain(reason: str) -> str:
    """Both styles of the published reasons, `prompt_injection.detected` and `prompt_injection_detected`."""
    return reason.replace(".", "_")
