"""Tells the ledger of one exchange as it goes: which target it waits for, what attempts brought, how fast it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from extproc.events import RequestBody, RequestHeaders, ResponseHeaders
from extproc.record import FAILED, SERVED
from extproc.routing.breaker import PROBE
from extproc.routing.outcome import BROKEN_OFF, SUCCESS, kind_of

if TYPE_CHECKING:
    from extproc.events import Event
    from extproc.record import ExchangeRecord

# The error types of a record that are an upstream's fault after it had begun to answer.
_BROKEN = frozenset({"model_stream_error", "model_error", "timeout"})


class Book(Protocol):
    """What is told; see `ledger.Ledger`."""

    def began(self, target: str) -> None:
        """An exchange waits for this target."""

    def ended(self, target: str) -> None:
        """It does so no longer."""

    def probe(self, target: str, by: int) -> None:
        """A probe has gone out (1), or is over (-1)."""

    def attempted(self, target: str, kind: str, now: float, retry_after: float = 0.0) -> None:
        """An attempt ended."""

    def waited(self, target: str, seconds: float, now: float) -> None:
        """The first byte took so long."""

    def spoke(self, target: str, tokens: int, seconds: float, now: float) -> None:
        """The tokens took so long."""


class Watch:
    """One exchange's. Give it each event after the exchange has taken it, and the end."""

    __slots__ = ("_answering", "_at", "_began", "_book", "_probed")

    def __init__(self, book: Book) -> None:
        self._book = book
        # The target that counts this exchange as in flight.
        self._at = ""
        self._probed = ""
        self._answering = False
        # When the attempt that answers began, as far as that is known.
        self._began: float | None = None

    def saw(self, event: Event, record: ExchangeRecord, now: float) -> None:
        """An event was taken, and the record is as it was left; `now` is Unix seconds."""
        # A small body has come with its head.
        if isinstance(event, RequestBody | RequestHeaders):
            if record.planned and record.asked is not None:
                self._move(record.planned[0])
                self._probe(record)
        elif isinstance(event, ResponseHeaders) and self._at:
            self._answered(record, now)

    def ended(self, record: ExchangeRecord, now: float) -> None:
        """The exchange is over."""
        if self._answering and record.outcome == FAILED and record.error_code in _BROKEN:
            self._book.attempted(record.target, BROKEN_OFF, now)
        elif self._began is not None and record.outcome == SERVED:
            self._book.spoke(record.target, record.completion_tokens or 0, now - self._began, now)
        self._answering = False
        self._move("")
        self._release()

    def _answered(self, record: ExchangeRecord, now: float) -> None:
        self._release()
        for outcome in record.attempts:
            self._book.attempted(outcome.target, kind_of(outcome), now, outcome.retry_after)
        served = record.attempts[-1] if record.attempts else None
        self._answering = served is not None and kind_of(served) == SUCCESS
        self._move(record.target if self._answering else "")
        # Envoy's own measure: to the answer's head, a stream's first content.
        if self._answering and served is not None and served.elapsed is not None:
            self._began = now - served.elapsed
            self._book.waited(record.target, served.elapsed, now)

    def _probe(self, record: ExchangeRecord) -> None:
        """What a half-open target is probed by must be counted: others are to go elsewhere meanwhile."""
        reasons = record.routing.get("reasons")
        if isinstance(reasons, dict) and reasons.get(self._at) == PROBE:
            self._probed = self._at
            self._book.probe(self._at, 1)

    def _release(self) -> None:
        if self._probed:
            self._book.probe(self._probed, -1)
            self._probed = ""

    def _move(self, target: str) -> None:
        if target == self._at:
            return
        if self._at:
            self._book.ended(self._at)
        if target:
            self._book.began(target)
        self._at = target
