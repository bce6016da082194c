"""An exchange that has ended, in the counts: made from its record, as the audit line is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from extproc.errors import GatewayError
from extproc.metrics import families
from extproc.openai import chat, completions, embeddings
from extproc.policies.verdict import Phase
from extproc.record import REJECTED
from extproc.routing.outcome import kind_of
from extproc.serve import MODELS, READY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extproc.metrics.tally import Tally
    from extproc.record import ExchangeRecord
    from extproc.routing.targets import Target

# No value of the conventions stands for SageMaker; they allow for one's own.
PROVIDER = "aws.sagemaker"
# The conventions' names of what our endpoints do.
_OPERATIONS = {chat.PATH: "chat", completions.PATH: "text_completion", embeddings.PATH: "embeddings"}

_REQUEST, _RESPONSE = Phase.REQUEST.value, Phase.RESPONSE.value


def endpoint_of(path: str) -> str:
    """What stands for a path in labels: there is no end of paths that are not ours."""
    if path in _OPERATIONS:
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


class _Labels(NamedTuple):
    """The label values of exchanges of one kind, in the order of the families' labels."""

    exchange: tuple[str, ...]
    duration: tuple[str, ...]
    operation: tuple[str, ...]
    error: str
    estimated: str


class Traffic:
    """Counts exchanges under one configuration, in one process's tally; `models` are the names that it serves."""

    __slots__ = ("_labels", "_models", "_regions", "_tally")

    def __init__(self, tally: Tally, targets: Iterable[Target], models: Iterable[str]) -> None:
        self._tally = tally
        self._models = frozenset(models)
        self._regions = {target.id: target.region for target in targets}
        self._labels: dict[tuple[object, ...], _Labels] = {}

    def ended(self, record: ExchangeRecord, request: float = 0.0, response: float = 0.0) -> None:
        """An exchange is over; `request` and `response` are the seconds that were spent at work on each.

        One of which not even the head was seen is not counted: Envoy's own log tells of it.
        """
        finished, asked, cell = record.finished, record.asked, self._tally.cell
        if finished is None or not record.method:
            return
        labels = self._of(record)
        cell(families.EXCHANGES, *labels.exchange)[0] += 1
        families.EXCHANGE_SECONDS.observe(cell(families.EXCHANGE_SECONDS, *labels.duration), finished - record.started)
        families.PROCESSING_SECONDS.observe(cell(families.PROCESSING_SECONDS, _REQUEST), request)
        if asked is not None:
            families.PROCESSING_SECONDS.observe(cell(families.PROCESSING_SECONDS, _RESPONSE), response)
            operation = cell(families.OPERATION_SECONDS, *labels.operation, labels.error)
            families.OPERATION_SECONDS.observe(operation, finished - asked)
            self._answered(record, labels, asked, finished)
        for attempt in record.attempts:
            region = self._regions.get(attempt.target)
            # The name came in a header: only one of ours becomes a label.
            if region is not None:
                cell(families.ATTEMPTS, attempt.target, region, kind_of(attempt))[0] += 1
        if record.judged:
            self._judged(record)

    def _answered(self, record: ExchangeRecord, labels: _Labels, asked: float, finished: float) -> None:
        cell, operation, first = self._tally.cell, labels.operation, record.first_byte
        prompt, completion = record.prompt_tokens, record.completion_tokens
        if record.stream and first is not None and record.status == 200:
            families.FIRST_CHUNK_SECONDS.observe(cell(families.FIRST_CHUNK_SECONDS, *operation), first - asked)
            if completion is not None and completion > 1:
                each = (finished - first) / (completion - 1)
                families.PER_TOKEN_SECONDS.observe(cell(families.PER_TOKEN_SECONDS, *operation), each)
        if prompt is not None:
            families.TOKENS.observe(cell(families.TOKENS, *operation, "input", labels.estimated), prompt)
        if completion is not None:
            families.TOKENS.observe(cell(families.TOKENS, *operation, "output", labels.estimated), completion)

    def _judged(self, record: ExchangeRecord) -> None:
        cell = self._tally.cell
        for policy, verdict in record.verdicts().items():
            cell(families.VERDICTS, policy, verdict)[0] += 1
        for (phase, policy, entity), count in record.findings.items():
            cell(families.FINDINGS, policy, entity, phase)[0] += count

    def _of(self, record: ExchangeRecord) -> _Labels:
        path = record.path if record.path in _OPERATIONS else endpoint_of(record.path)
        model = record.model if record.model in self._models else ""
        error = record.error_code
        if not error or (record.outcome == REJECTED and error not in _CODES):
            # What a container refuses has the container's own code.
            error = record.error_type
        kind = (path, model, record.target, record.outcome, record.status, error, record.tokens_estimated)
        found = self._labels.get(kind)
        if found is None:
            endpoint = endpoint_of(record.path)
            found = self._labels[kind] = _Labels(
                (endpoint, model, record.target, record.outcome, str(record.status)),
                (endpoint, record.outcome),
                (_OPERATIONS.get(path, ""), PROVIDER, model, record.target),
                error,
                "true" if record.tokens_estimated else "false",
            )
        return found
