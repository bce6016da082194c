"""ExchangeRecord: the one account of an exchange, from which the audit line, metrics and logs are made.

It carries names, counts, sizes and times; never a matched text, a credential, or a body.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from extproc.errors import CallerError, PolicyRefusal, UpstreamRejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extproc.errors import GatewayError
    from extproc.events import AttemptOutcome
    from extproc.policies.verdict import Block, Finding, Phase

# How an exchange ended. Every exchange ends in exactly one of these.
SERVED = "served"  # the whole answer was handed to Envoy
BLOCKED = "blocked"  # a policy refused the request or the answer
REJECTED = "rejected"  # the request was at fault
FAILED = "failed"  # SageMaker, the container or the gateway was at fault
ABORTED = "aborted"  # the client or the upstream left before the end

# A finish reason is one word out of a handful; what is longer is none, and each choice has one.
_MAX_REASON = 32
_MAX_REASONS = 128


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC with microseconds."""
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_second(whole)}.{micros:06d}Z"


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    """Thousands of lines are made in one second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")


def _milliseconds(seconds: float) -> float:
    """To the microsecond: rounding to a whole number costs a fifth of rounding to three digits."""
    return round(seconds * 1_000_000) / 1000


def outcome(error: GatewayError) -> str:
    """How an exchange ended that ended in this error."""
    if isinstance(error, PolicyRefusal):
        return BLOCKED
    return REJECTED if isinstance(error, CallerError | UpstreamRejected) else FAILED


def fault(error: BaseException | None) -> str:
    """What may be told of an exception: its kind, and the file and line that raised it.

    Never its message or its arguments: either could quote a body.
    """
    trace = error.__traceback__ if error is not None else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    return f"{type(error).__name__} at {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"


@dataclass(slots=True)
class ExchangeRecord:
    """One exchange, filled in as it goes. Times are Unix seconds, sizes bytes, tokens counts.

    `audited` is False for what no audit line is owed (readiness probes, and reads of the model list
    unless `log_all_access`). `finished` is None until the exchange has ended. `policies` are those that run, in their
    order; `judged` says that they have seen the request, `reversible` that the answer
    may hold again what they took out of it. `evidence` holds hashes and captured bodies
    (audit/evidence.py).
    """

    started: float
    config: Mapping[str, str]
    request_id: str = ""
    method: str = ""
    path: str = ""
    source_address: str = ""
    client_request_id: str = ""
    principal: str = ""
    client_headers: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    stream: bool = False
    target: str = ""
    planned: tuple[str, ...] = ()
    routing: Mapping[str, object] = field(default_factory=dict)
    attempts: tuple[AttemptOutcome, ...] = ()
    attempt_count: int = 0
    status: int = 0
    outcome: str = ""
    error_type: str = ""
    error_code: str = ""
    detail: str = ""
    block: tuple[str, str, str] | None = None
    findings: dict[tuple[str, str, str], int] = field(default_factory=dict)
    policies: tuple[str, ...] = ()
    judged: bool = False
    redacting: set[str] = field(default_factory=set)
    reversible: bool = False
    scores: dict[str, float] = field(default_factory=dict)
    skipped_policies: set[str] = field(default_factory=set)
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    tokens_estimated: bool = False
    finish_reasons: tuple[str, ...] = ()
    request_bytes: int = 0
    response_bytes: int = 0
    asked: float | None = None
    first_byte: float | None = None
    finished: float | None = None
    audited: bool = True
    evidence: Mapping[str, object] = field(default_factory=dict)

    def found(self, phase: Phase, findings: Iterable[Finding], scores: Mapping[str, float] | None = None) -> None:
        """Count findings by phase, policy and entity, and keep the highest score of each policy."""
        self.judged = True
        for finding in findings:
            what = (phase.value, finding.policy, finding.entity)
            self.findings[what] = self.findings.get(what, 0) + 1
            if finding.replacement is not None:
                self.redacting.add(finding.policy)
                self.reversible = self.reversible or finding.reversible
        if scores:
            for policy, score in scores.items():
                self.scores[policy] = max(score, self.scores.get(policy, 0.0))

    def blocked(self, phase: Phase, block: Block) -> None:
        """A policy refused."""
        self.judged = True
        self.block = (phase.value, block.policy, block.rule)

    def finished_with(self, reasons: Iterable[object]) -> None:
        """Why each choice ended, as far as it did."""
        words = [reason for reason in reasons if isinstance(reason, str) and 0 < len(reason) <= _MAX_REASON]
        self.finish_reasons = tuple(words[:_MAX_REASONS])

    def failed(self, error: GatewayError) -> None:
        """The error that ends the exchange; its `detail` is for this record only."""
        self.error_type = error.type
        self.error_code = error.openai_code or ""
        self.detail = error.detail or self.detail

    def end(self, outcome: str, status: int, now: float) -> None:
        """The exchange is over; the first end counts."""
        if self.finished is None:
            self.outcome, self.status, self.finished = outcome, status, now

    @property
    def verdict(self) -> str:
        """What the policies said in all: allow, redact or block."""
        if self.block is not None:
            return "block"
        return "redact" if self.redacting else "allow"

    def verdict_of(self, policy: str) -> str:
        """What one policy said in all: allow, observe (found and left), redact, block, or skipped (it failed)."""
        if self.block is not None and self.block[1] == policy:
            return "block"
        if policy in self.skipped_policies:
            return "skipped"
        if policy in self.redacting:
            return "redact"
        return "observe" if any(found == policy for _, found, _ in self.findings) else "allow"

    def verdicts(self) -> dict[str, str]:
        """What each policy said in all, in their order."""
        if self.block is None and not (self.findings or self.redacting or self.skipped_policies):
            return dict.fromkeys(self.policies, "allow")
        return {policy: self.verdict_of(policy) for policy in self.policies}

    def document(self) -> dict[str, object]:
        """The audit line as a JSON document. What is empty is left out; False and 0 say something."""
        # Written out, one member after the other: it is made for each exchange, and half of them do not apply.
        line: dict[str, object] = {"time": timestamp(self.started)}
        if self.request_id:
            line["request_id"] = self.request_id
        line["event"] = "exchange"
        if self.outcome:
            line["outcome"] = self.outcome
        line["status"] = self.status
        line["verdict"] = self.verdict
        self._tell_request(line)
        self._tell_policies(line)
        self._tell_end(line)
        if self.config:
            line["config"] = dict(self.config)
        if self.evidence:
            line.update(self.evidence)
        if self.block is not None:
            line["block"] = dict(zip(("phase", "policy", "rule"), self.block, strict=True))
        return line

    def _tell_request(self, line: dict[str, object]) -> None:
        """Who asked what, and where it went."""
        if self.method:
            line["method"] = self.method
        if self.path:
            line["path"] = self.path
        if self.source_address:
            line["source_address"] = self.source_address
        if self.client_request_id:
            line["client_request_id"] = self.client_request_id
        if self.principal:
            line["principal"] = self.principal
        if self.client_headers:
            line["client_headers"] = dict(self.client_headers)
        if self.model:
            line["model"] = self.model
        line["stream"] = self.stream
        if self.target:
            line["target"] = self.target
        if self.planned:
            line["planned"] = list(self.planned)
        if routing := {name: value for name, value in self.routing.items() if value}:
            line["routing"] = routing
        if self.attempts:
            line["attempts"] = [
                {"target": a.target, "status": a.status, "error_type": a.error_type} for a in self.attempts
            ]
        line["attempt_count"] = self.attempt_count

    def _tell_policies(self, line: dict[str, object]) -> None:
        """What was found, and what came of it."""
        if self.findings:
            line["findings"] = [
                {"phase": phase, "policy": policy, "entity": entity, "count": count}
                for (phase, policy, entity), count in sorted(self.findings.items())
            ]
        if self.judged and self.policies:
            line["policies"] = self.verdicts()
        if self.scores:
            line["scores"] = self.scores
        if self.skipped_policies:
            line["skipped_policies"] = sorted(self.skipped_policies)

    def _tell_end(self, line: dict[str, object]) -> None:
        """How it ended, how much there was, and how long it took."""
        if self.error_type:
            line["error"] = {"type": self.error_type, "code": self.error_code}
        if self.detail:
            line["detail"] = self.detail
        if self.finish_reasons:
            line["finish_reasons"] = list(self.finish_reasons)
        if self.prompt_tokens is not None or self.completion_tokens is not None:
            line["usage"] = self._usage()
        line["request_bytes"] = self.request_bytes
        line["response_bytes"] = self.response_bytes
        line["latency_ms"] = self._latencies()

    def _latencies(self) -> dict[str, float]:
        """Milliseconds from the start to what came of it."""
        started = self.started
        found = {}
        if self.asked is not None:
            found["asked"] = _milliseconds(self.asked - started)
        if self.first_byte is not None:
            found["first_byte"] = _milliseconds(self.first_byte - started)
        end = self.finished if self.finished is not None else started
        found["total"] = _milliseconds(end - started)
        return found

    def _usage(self) -> dict[str, object]:
        usage: dict[str, object] = {
            "prompt_tokens": self.prompt_tokens or 0,
            "completion_tokens": self.completion_tokens or 0,
        }
        if self.tokens_estimated:
            usage["estimated"] = True
        return usage
