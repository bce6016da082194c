"""An exchange that has ended, in the counts: made from its record, as the audit line is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.errors import GatewayError
from extproc.metrics import families
from extproc.metrics.families import FIRST_CHUNK_SECONDS, PER_TOKEN_SECONDS
from extproc.policies.verdict import Phase
from extproc.record import ABORTED, REJECTED
from extproc.routing.outcome import kind_of
from extproc.serve import MODELS, READY
from extproc.span import OPERATIONS, PROVIDER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extproc.metrics.family import Family
    from extproc.metrics.tally import Tally
    from extproc.record import ExchangeRecord
    from extproc.routing.targets import Target


def endpoint_of(path: str) -> str:
    """What stands for a path in labels: there is no end of paths that are not ours."""
    if path in OPERATIONS:
        return path.removeprefix("/v1/")
    if path == READY:
        return "readyz"
    return "models" if path == MODELS or path.startswith(MODELS + "/") else "other"


def _codes() -> frozenset[str]:
    """The codes that kinds of our errors have."""
    kinds = [GatewayError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return frozenset(kind.code for kind in kinds if kind.code)


_CODES = _codes()
# Of which the cells are kept at hand.
_MOST_KINDS = 4096


class _Kind:
    """Exchanges that have the same labels: their cells, each made when it is first needed."""

    __slots__ = ("_estimated", "_labels", "_tally", "duration", "exchanges", "operation", "paces", "tokens")

    def __init__(self, tally: Tally, record: ExchangeRecord, model: str) -> None:
        endpoint, target, outcome = endpoint_of(record.path), record.target, record.outcome
        self._tally = tally
        self._labels = (OPERATIONS.get(record.path, ""), PROVIDER, model, target)
        self._estimated = "true" if record.tokens_estimated else "false"
        self.exchanges = tally.cell(families.EXCHANGES, endpoint, model, target, outcome, str(record.status))
        self.duration = tally.cell(families.EXCHANGE_SECONDS, endpoint, outcome)
        asked = record.asked is not None
        self.operation = tally.cell(families.OPERATION_SECONDS, *self._labels, _error(record)) if asked else None
        self.paces: dict[Family, list[float]] = {}
        self.tokens: dict[str, list[float]] = {}

    def pace(self, family: Family) -> list[float]:
        """Of streams: to the first content, or by the token."""
        cell = self.paces[family] = self._tally.cell(family, *self._labels)
        return cell

    def usage(self, which: str) -> list[float]:
        """Of tokens: input or output."""
        cell = self.tokens[which] = self._tally.cell(families.TOKENS, *self._labels, which, self._estimated)
        return cell


class Traffic:
    """Counts exchanges under one configuration, in one process's tally; `models` are the names that it serves.

    It counts at the end of every exchange: where a count goes is looked up once for each kind of exchange.
    """

    __slots__ = ("_allowed", "_attempts", "_kinds", "_models", "_regions", "_request", "_response", "_tally")

    def __init__(self, tally: Tally, targets: Iterable[Target], models: Iterable[str]) -> None:
        self._tally = tally
        self._models = frozenset(models)
        self._regions = {target.id: target.region for target in targets}
        self._kinds: dict[tuple[object, ...], _Kind] = {}
        self._attempts: dict[tuple[str, str], list[float]] = {}
        self._allowed: dict[tuple[str, ...], list[list[float]]] = {}
        self._request = tally.cell(families.PROCESSING_SECONDS, Phase.REQUEST.value)
        self._response = tally.cell(families.PROCESSING_SECONDS, Phase.RESPONSE.value)

    def ended(self, record: ExchangeRecord, request: float = 0.0, response: float = 0.0) -> None:
        """An exchange is over; `request` and `response` are the seconds that were spent at work on each.

        One of which not even the head was seen is not counted: Envoy's own log tells of it.
        """
        finished, asked = record.finished, record.asked
        if finished is None or not record.method:
            return
        kind = self._kind(record)
        kind.exchanges[0] += 1
        families.EXCHANGE_SECONDS.observe(kind.duration, finished - record.started)
        if record.path in OPERATIONS:
            families.PROCESSING_SECONDS.observe(self._request, request)
        if asked is not None and kind.operation is not None:
            families.PROCESSING_SECONDS.observe(self._response, response)
            families.OPERATION_SECONDS.observe(kind.operation, finished - asked)
            self._answered(record, kind, asked, finished)
        for attempt in record.attempts:
            result = (attempt.target, kind_of(attempt))
            # The name came in a header: only one of ours becomes a label.
            if attempt.target in self._regions:
                (self._attempts.get(result) or self._attempt(*result))[0] += 1
        if record.judged:
            self._judged(record)

    def _answered(self, record: ExchangeRecord, kind: _Kind, asked: float, finished: float) -> None:
        first, prompt, completion = record.first_byte, record.prompt_tokens, record.completion_tokens
        if record.stream and first is not None and record.status == 200:
            _observe(FIRST_CHUNK_SECONDS, kind, first - asked)
            if completion is not None and completion > 1:
                _observe(PER_TOKEN_SECONDS, kind, (finished - first) / (completion - 1))
        if prompt is not None:
            families.TOKENS.observe(kind.tokens.get("input") or kind.usage("input"), prompt)
        if completion is not None:
            families.TOKENS.observe(kind.tokens.get("output") or kind.usage("output"), completion)

    def _attempt(self, target: str, result: str) -> list[float]:
        cell = self._tally.cell(families.ATTEMPTS, target, self._regions[target], result)
        self._attempts[target, result] = cell
        return cell

    def _judged(self, record: ExchangeRecord) -> None:
        cell, policies = self._tally.cell, record.policies
        if record.block is None and not (record.findings or record.redacting or record.skipped_policies):
            allowed = self._allowed.get(policies)
            if allowed is None:
                allowed = self._allowed[policies] = [cell(families.VERDICTS, policy, "allow") for policy in policies]
            for each in allowed:
                each[0] += 1
            return
        for policy, verdict in record.verdicts().items():
            cell(families.VERDICTS, policy, verdict)[0] += 1
        for (phase, policy, entity), count in record.findings.items():
            cell(families.FINDINGS, policy, entity, phase)[0] += count

    def _kind(self, record: ExchangeRecord) -> _Kind:
        labels = (
            *(record.path, record.model, record.target, record.outcome, record.status),
            *(record.error_code, record.error_type, record.tokens_estimated, record.asked is None),
        )
        found = self._kinds.get(labels)
        if found is None:
            # Paths and models that a client made up: what stands for them is few, they are not.
            if len(self._kinds) >= _MOST_KINDS:
                self._kinds.clear()
            model = record.model if record.model in self._models else ""
            found = self._kinds[labels] = _Kind(self._tally, record, model)
        return found


def _observe(family: Family, kind: _Kind, value: float) -> None:
    family.observe(kind.paces.get(family) or kind.pace(family), value)


def _error(record: ExchangeRecord) -> str:
    """The code of ours, or what kind of error it was; "aborted" where somebody left, and "" where it was served."""
    code = record.error_code
    # What a container refuses has the container's own code.
    if code and (record.outcome != REJECTED or code in _CODES):
        return code
    return record.error_type or (record.outcome if record.outcome == ABORTED else "")
