"""One HTTP exchange as a state machine: events in, actions out. The only state there is.

Rule 1: everything that decides what may happen next lives in TRANSITIONS.
Rule 2: this file reads no clock, opens no file and knows no protobuf; `now` and credentials are arguments.

    START ──headers──► ASKING ──body──► ASKED ──2xx──► BUFFERING ──body──► DONE
      │                  │                │──2xx, stream──► STREAMING ──last chunk──► DONE
      └──── answered here, or refused ────┴──error──► FAILING ──body──► DONE

Any state ends in DONE when Envoy closes the exchange. An exchange ends exactly once, and its record says how.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, ClassVar

from extproc import answer, attempts
from extproc import record as outcomes
from extproc.actions import JSON, Action, BodyMode, Continue, Release, Replace, Respond
from extproc.admit import admit, audit_unavailable, too_large
from extproc.ask import Asked, ask
from extproc.errors import GatewayError, GatewayUnavailable, UpstreamFailed, UpstreamTimeout
from extproc.events import (
    Closed,
    DeadlinePassed,
    Event,
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.judge import censor
from extproc.openai import context, error_body
from extproc.openai.endpoint import ENDPOINTS
from extproc.record import ExchangeRecord
from extproc.routing.affinity import affinity
from extproc.routing.ledger import Observer, Unobserved
from extproc.sagemaker import faults
from extproc.sagemaker import session as sticky
from extproc.serve import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from extproc.config.runtime import Runtime
    from extproc.policies.verdict import Guard
    from extproc.routing.budget import RetryBudget
    from extproc.routing.targets import Credentials, Identity, Target
    from extproc.sagemaker.ticket import Tickets

# Marks in dynamic metadata that a worker has taken the exchange, and will audit it: Envoy's own log skips it then.
CLAIM = {"kt.audit": {"claimed": 1}}
# Envoy takes 60 KiB of headers; no path of ours is longer than this, and the audit trail needs no more of the others.
MAX_PATH = 1024


class State(Enum):
    """Where an exchange stands; the module's docstring draws it."""

    START = auto()
    ASKING = auto()
    ASKED = auto()
    BUFFERING = auto()
    FAILING = auto()
    STREAMING = auto()
    DONE = auto()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an exchange needs of the world, as a snapshot taken when it starts (`now`, Unix seconds).

    While the audit trail cannot be written (`audit_failed`) requests are refused before anything is spent upstream.
    `clock` says by how many seconds AWS's clock is ahead of ours, by region. With `tickets` an attempt whose signature
    AWS refuses can be signed again. `observer` knows the targets. With a `budget` fewer targets are planned where
    retries have been futile.
    """

    credentials: Mapping[Identity, Credentials] = field(default_factory=dict)
    clock: Mapping[str, float] = field(default_factory=dict)
    audit_failed: bool = False
    now: float = 0.0
    tickets: Tickets | None = None
    observer: Observer = field(default_factory=Unobserved)
    budget: RetryBudget | None = None


class Exchange:
    """One exchange. Feed it events in order, send what it answers.

    `record` is complete once `finished`. `deadline` (Unix seconds) is when to feed DeadlinePassed, None for never.
    `asked` is the request as it goes upstream, None before the policies have passed it.
    """

    def __init__(self, runtime: Runtime, surroundings: Surroundings) -> None:
        self._runtime = runtime
        self._surroundings = surroundings
        self._guard: Guard = runtime.chain.guard()
        self._state = State.START
        self._session: sticky.Session | None = None
        self._client = b""
        self.asked: Asked | None = None
        self._target: Target | None = None
        self._head: ResponseHeaders | None = None
        self._stream: answer.StreamedAnswer | None = None
        self._trailed = False
        self.deadline: float | None = None
        self.record = ExchangeRecord(
            started=surroundings.now,
            config=runtime.named,
            policies=tuple(runtime.chain.order),
        )

    @property
    def finished(self) -> bool:
        """Whether the exchange has ended and its record is complete."""
        return self.record.finished is not None

    def feed(self, event: Event, now: float) -> tuple[Action, ...]:
        """Take the next event; give the actions that answer it, often one, in a stream sometimes none.

        Never raises: a fault of ours becomes an error answer, and its kind is in the record.
        """
        try:
            handler = self.TRANSITIONS.get((self._state, type(event)))
            return self._unexpected(event, now) if handler is None else handler(self, event, now)
        except GatewayError as refused:
            error = refused
        except Exception as bug:  # noqa: BLE001 - whatever is wrong with us, the request must not pass unguarded
            error = _broken(f"bug: {outcomes.fault(bug)}")
        try:
            return self._fail(error, now)
        except Exception as bug:  # noqa: BLE001 - a message that is no text, say: the client gets ours instead
            return self._fail(_broken(f"bug: {outcomes.fault(bug)}"), now)

    def revoke(self, actions: tuple[Action, ...], now: float) -> tuple[Action, ...]:
        """The audit line of a finished exchange could not be written: what to answer instead of `actions`.

        The client never gets the last byte of an exchange that is on no record, unless the fail mode is allow.
        """
        if self._runtime.fail_open or not actions:
            return actions
        self.record.response_bytes -= _size(actions)
        self.record.finished = None
        return self._fail(audit_unavailable(), now)

    # Handlers, one per row of TRANSITIONS, in the order in which an exchange goes through them.

    def _on_request_headers(self, event: RequestHeaders, now: float) -> tuple[Action, ...]:
        record, headers = self.record, event.headers
        record.request_id = headers.get("x-request-id", "")
        record.method, record.path = headers.get(":method", ""), headers.get(":path", "").partition("?")[0][:MAX_PATH]
        record.source_address = event.source_address
        record.client_request_id = headers.get("x-client-request-id", "")[:128]
        served = serve(record, self._runtime, self._surroundings.credentials, self._surroundings.audit_failed)
        if served is not None:
            return self._end((served,), None, now, status=served.status)
        admit(event, self._runtime, audit_failed=self._surroundings.audit_failed)
        self._session = sticky.parse(headers.get(sticky.HEADER, ""))
        self._client = affinity(headers.get(self._runtime.routing.sticky_header))
        if event.body is not None:
            return self._on_request_body(event, now)
        self._state = State.ASKING
        return (Continue(metadata=CLAIM),)

    def _on_request_body(self, event: RequestBody | RequestHeaders, now: float) -> tuple[Action, ...]:
        body = event.body or b""
        self.record.request_bytes = len(body)
        if len(body) > self._runtime.limits.max_body_bytes:
            raise too_large(self._runtime.limits)
        asked = self.asked = ask(
            body,
            endpoint=ENDPOINTS[self.record.path],
            runtime=self._runtime,
            guard=self._guard,
            credentials=self._surroundings.credentials,
            record=self.record,
            now=now,
            clock=self._surroundings.clock,
            session=self._session,
            tickets=self._surroundings.tickets,
            observer=self._surroundings.observer,
            client=self._client,
            budget=self._surroundings.budget,
        )
        self.record.asked = now
        self._state = State.ASKED
        return (Replace(asked.body, asked.set_headers, metadata={**CLAIM, **asked.metadata}),)

    def _on_response_headers(self, event: ResponseHeaders, now: float) -> tuple[Action, ...]:
        record, asked = self.record, self.asked
        record.first_byte, record.attempts, record.attempt_count = now, event.outcomes, event.attempts
        self._head = event
        if attempts.trapped(event):
            self._head = replace(event, details="no_healthy_upstream")
        elif asked is not None:
            # Before Envoy 1.40 a cluster has several targets; attempt.lua knows which of them it was.
            serving = event.outcomes[-1].target if event.outcomes else event.cluster
            self._target = next((t for t in asked.targets if t.id == serving), None)
        if self._target is not None and event.details == "via_upstream":
            record.target = self._target.id
        status = int(event.headers.get(":status", "0"))
        if asked is None or self._target is None or status != 200:
            return self._await_fault(event, now)
        if not (asked.call.stream and self._target.streaming):
            return self._await_whole(event, now)
        if event.end_of_stream:
            # Still in time for a status of its own: no body will come that an error event could go into.
            raise faults.broken_off("a stream without a body")
        framed = answer.framed(event.headers)
        stream = answer.StreamedAnswer(asked, self._target, guard=self._guard, record=record, framed=framed)
        # The target's own time runs from its attempt.
        self.deadline = attempts.began(event, record.asked, now) + self._target.timeout_seconds
        headers = (*answer.EVENTS, *self._target_header())
        # From here on the status is sent: an error becomes an event of the stream.
        self._state, self._stream = State.STREAMING, stream
        return (Continue(headers, answer.UPSTREAM_HEADERS, BodyMode.STREAMED),)

    def _await_whole(self, event: ResponseHeaders, now: float) -> tuple[Action, ...]:
        if event.end_of_stream or event.body is not None:
            return self._on_whole(event, now)
        self._state = State.BUFFERING
        return (Continue(body_mode=BodyMode.BUFFERED),)

    def _await_fault(self, event: ResponseHeaders, now: float) -> tuple[Action, ...]:
        if attempts.wordless(event):
            raise faults.unanswered(faults.broken_off(event.outcomes[-1].error_type))
        self._state = State.FAILING
        if event.end_of_stream:
            return self._on_fault(ResponseBody(b"", end_of_stream=True), now)
        return (Continue(body_mode=BodyMode.BUFFERED),)

    def _on_whole(self, event: ResponseBody | ResponseHeaders, now: float) -> tuple[Action, ...]:
        body = event.body or b""
        if self.asked is None or self._target is None:
            raise _broken("an answer to nothing asked")
        # Envoy holds answers to the larger of both limits: it has one buffer limit for requests and answers.
        if len(body) > self._runtime.limits.max_response_bytes:
            raise UpstreamFailed(
                "The model's answer is larger than this gateway passes on.", detail="max_response_bytes"
            )
        told = answer.whole(body, asked=self.asked, target=self._target, guard=self._guard, record=self.record)
        headers = (*(answer.EVENTS if self.asked.call.stream else JSON), *self._target_header())
        return self._end((Replace(told, headers, answer.UPSTREAM_HEADERS),), None, now)

    def _on_fault(self, event: ResponseBody, _: float) -> tuple[Action, ...]:
        head = self._head
        if head is None:
            raise _broken("a fault without a head")
        # Envoy's own reply to what it refused before we asked anything (a body over its limit, say).
        if self.asked is None and head.headers.get(":status") == "413":
            raise too_large(self._runtime.limits)
        if self.asked is not None and self._target is not None and answer.streamed(head.headers):
            # A stream that failed before its first content; attempt.lua gave it the status that this amounts to.
            raise answer.failure(
                event.body, head.headers, asked=self.asked, target=self._target, guard=self._guard, record=self.record
            )
        targets = self.asked.targets if self.asked is not None else ()
        error = faults.classify(
            int(head.headers.get(":status", "0")),
            head.headers,
            event.body,
            details=head.details,
            hide=tuple(name for target in targets for name in target.names),
            only_target=len(targets) == 1,
        )
        if self.asked is not None:
            context.locate(error, self.asked.call)
        censor(error, self._guard)
        raise error

    def _on_chunk(self, event: ResponseBody, now: float) -> tuple[Action, ...]:
        return self._release(event.body, last=event.end_of_stream, now=now)

    def _on_trailers(self, _: ResponseTrailers, now: float) -> tuple[Action, ...]:
        self._trailed = True
        return self._release(b"", last=True, now=now)

    def _release(self, data: bytes, *, last: bool, now: float) -> tuple[Action, ...]:
        stream = self._stream
        if stream is None:
            raise _broken("a chunk without a stream")
        out = stream.push(data, last=last)
        if stream.ended:
            return self._end(self._last(out), stream.error, now)
        self.record.response_bytes += len(out)
        return (Release(out),) if out else ()

    def _last(self, out: bytes) -> tuple[Action, ...]:
        if not self._trailed:
            return (Release(out, end_of_stream=True),)
        # Trailers take the place of the last chunk: what is left goes before them, and they end the stream.
        return (Release(out), Continue()) if out else (Continue(),)

    def _on_deadline(self, _: DeadlinePassed, now: float) -> tuple[Action, ...]:
        target = self._target
        if target is None:
            raise _broken("a deadline without a target")
        message = (
            f"The answer was not complete within {target.timeout_seconds:g} seconds, the time allowed for this model."
        )
        return self._fail(UpstreamTimeout(message, detail="timeout_seconds passed in mid-stream"), now)

    def _on_closed(self, _: Closed, now: float) -> tuple[Action, ...]:
        if self._stream is not None:
            self._stream.account()
        if self._state is State.START:
            # Nothing is known of it here; Envoy's own log has it, since nothing was claimed.
            self.record.audited = False
        # 499: nothing was sent, or not all of it; the status that proxies log for a client that left.
        status = 200 if self._state is State.STREAMING else 499
        self._state, self.deadline = State.DONE, None
        self.record.end(outcomes.ABORTED, status, now)
        return ()

    def _pass(self, event: Event, _: float) -> tuple[Action, ...]:
        """Nothing is owed any more, or nothing is of interest: let it by without an unguarded byte."""
        if isinstance(event, ResponseBody | Closed | DeadlinePassed):
            return ()
        return (Continue(),)

    def _unexpected(self, event: Event, now: float) -> tuple[Action, ...]:
        if isinstance(event, Closed):
            return self._on_closed(event, now)
        raise _broken(f"{type(event).__name__} in state {self._state.name}")

    # Ends.

    def _fail(self, error: GatewayError, now: float) -> tuple[Action, ...]:
        if self.finished:
            # The one end stands; what comes after it is refused, and changes nothing.
            return (self._refusal(error),)
        if self._stream is None:
            return self._end((self._refusal(error),), error, now, status=error.http_status)
        return self._end(self._last(self._stream.fail(error)), error, now)

    def _refusal(self, error: GatewayError) -> Respond:
        # Envoy puts the id on every answer but those that take the place of an answer already under way.
        identity = (("x-request-id", self.record.request_id),) if self.record.request_id else ()
        headers = (
            *error_body.headers(error, exhausted=attempts.exhausted(self.record.attempts)),
            *identity,
            *(self._target_header() if self.record.target else ()),
        )
        details = f"kt_{error.openai_code or error.type}"
        return Respond(error.http_status, headers, error_body.body(error), details)

    def _end(
        self, actions: tuple[Action, ...], error: GatewayError | None, now: float, status: int = 200
    ) -> tuple[Action, ...]:
        self._state, self.deadline = State.DONE, None
        self.record.response_bytes += _size(actions)
        # Also those that failed on what an error repeats of the upstream's words.
        self.record.skipped_policies.update(self._guard.failed)
        if error is not None:
            self.record.failed(error)
        self.record.end(outcomes.SERVED if error is None else outcomes.outcome(error), status, now)
        return actions

    def _target_header(self) -> tuple[tuple[str, str], ...]:
        target, head = self._target, self._head
        if target is None or head is None:
            return ()
        return (("x-kt-target", target.id), *sticky.answered(target, head.headers))

    TRANSITIONS: ClassVar[Mapping[tuple[State, type[Event]], Callable[..., tuple[Action, ...]]]] = {
        (State.START, RequestHeaders): _on_request_headers,
        (State.ASKING, RequestBody): _on_request_body,
        (State.ASKING, RequestTrailers): _pass,
        # Envoy answered before we had the body: too large, or it stopped coming.
        (State.ASKING, ResponseHeaders): _on_response_headers,
        (State.ASKED, RequestTrailers): _pass,
        (State.ASKED, ResponseHeaders): _on_response_headers,
        (State.BUFFERING, ResponseBody): _on_whole,
        (State.FAILING, ResponseBody): _on_fault,
        (State.STREAMING, ResponseBody): _on_chunk,
        (State.STREAMING, ResponseTrailers): _on_trailers,
        (State.STREAMING, DeadlinePassed): _on_deadline,
        (State.DONE, RequestBody): _pass,
        (State.DONE, RequestTrailers): _pass,
        (State.DONE, ResponseHeaders): _pass,
        (State.DONE, ResponseBody): _pass,
        (State.DONE, ResponseTrailers): _pass,
        (State.DONE, DeadlinePassed): _pass,
        (State.DONE, Closed): _pass,
    }


def _broken(detail: str) -> GatewayUnavailable:
    return GatewayUnavailable("The gateway failed. Try again.", detail=detail)


def _size(actions: tuple[Action, ...]) -> int:
    return sum(len(action.body) for action in actions if not isinstance(action, Continue))
