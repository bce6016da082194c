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

from extproc import answer
from extproc import record as outcomes
from extproc.actions import Action, BodyMode, Continue, Release, Replace, Respond
from extproc.ask import Asked, ask
from extproc.errors import (
    CallerError,
    GatewayError,
    GatewayUnavailable,
    MalformedRequest,
    PolicyRefusal,
    RequestTooLarge,
    UpstreamRejected,
    UpstreamTimeout,
)
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
from extproc.openai import error_body
from extproc.policies.verdict import PolicyFailed
from extproc.record import ExchangeRecord
from extproc.sagemaker import faults
from extproc.serve import audit_unavailable, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from extproc.config.runtime import Runtime
    from extproc.policies.verdict import Guard
    from extproc.routing.targets import Credentials, Identity, Target

# Marks in dynamic metadata that a worker has taken the exchange, and will audit it: Envoy's own log skips it then.
CLAIM = {"kt.audit": {"claimed": 1}}
# attempt.lua's name for an attempt that found no host.
NO_HEALTHY_HOST = "NoHealthyHost"
# What an upstream's answer carries that is no business of the client's.
UPSTREAM_HEADERS = (
    "x-amzn-requestid",
    "x-amzn-errortype",
    "x-amzn-invoked-production-variant",
    "x-amzn-sagemaker-content-type",
    "x-amzn-sagemaker-custom-attributes",
    "x-kt-retriable",
    "content-length",
    "content-encoding",
)


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
    """What an exchange needs of the world, as a snapshot taken when it starts.

    `faults` names what keeps the gateway from being ready ("" entries never occur); requests are refused while
    the audit trail cannot be written (`audit_failed`), before anything is spent upstream.
    """

    credentials: Mapping[Identity, Credentials] = field(default_factory=dict)
    audit_failed: bool = False
    now: float = 0.0


class Exchange:
    """One exchange. Feed it events in order, send what it answers.

    `record` is complete once `finished`. `deadline` (Unix seconds) is when to feed DeadlinePassed, None for never.
    """

    def __init__(self, runtime: Runtime, surroundings: Surroundings) -> None:
        self._runtime = runtime
        self._surroundings = surroundings
        self._guard: Guard = runtime.chain.guard()
        self._state = State.START
        self._asked: Asked | None = None
        self._target: Target | None = None
        self._head: ResponseHeaders | None = None
        self._stream: answer.StreamedAnswer | None = None
        self.deadline: float | None = None
        self.record = ExchangeRecord(
            started=surroundings.now,
            config={"pack": f"{runtime.pack.name}@{runtime.pack.version}", "hash": runtime.config_hash},
        )

    @property
    def finished(self) -> bool:
        """Whether the exchange has ended and its record is complete."""
        return self.record.finished is not None

    def feed(self, event: Event, now: float) -> tuple[Action, ...]:
        """Take the next event; give the actions that answer it, often one, in a stream sometimes none.

        Never raises: a fault of ours becomes an error answer, and its kind is in the record.
        """
        handler = self.TRANSITIONS.get((self._state, type(event)))
        try:
            if handler is None:
                return self._unexpected(event, now)
            return handler(self, event, now)
        except GatewayError as error:
            return self._fail(error, now)
        except PolicyFailed as failure:
            return self._fail(answer.policy_failure(failure), now)
        except Exception as bug:  # noqa: BLE001 - whatever is wrong with us, the request must not pass unguarded
            # Only the kind and the place: a message or an argument could quote the body.
            frame = bug.__traceback__
            while frame is not None and frame.tb_next is not None:
                frame = frame.tb_next
            place = f" at {frame.tb_frame.f_code.co_filename.rpartition('/')[2]}:{frame.tb_lineno}" if frame else ""
            detail = f"bug: {type(bug).__name__}{place}"
            return self._fail(GatewayUnavailable("The gateway failed. Try again.", detail=detail), now)

    def revoke(self, actions: tuple[Action, ...], now: float) -> tuple[Action, ...]:
        """The audit line of a finished exchange could not be written: what to answer instead of `actions`.

        The client never gets the last byte of an exchange that is on no record, unless the fail mode is allow.
        """
        if self._runtime.fail_open:
            return actions
        error = audit_unavailable()
        self.record.finished = None
        if self._stream is not None:
            out: list[bytes] = []
            self._stream.fail(error, out)
            return self._end((Release(b"".join(out), end_of_stream=True),), error, now)
        return self._respond(error, now)

    # Handlers, one per row of TRANSITIONS, in the order in which an exchange goes through them.

    def _on_request_headers(self, event: RequestHeaders, now: float) -> tuple[Action, ...]:
        record, headers = self.record, event.headers
        record.request_id = headers.get("x-request-id", "")
        record.method, record.path = headers.get(":method", ""), headers.get(":path", "").partition("?")[0]
        record.source_address = event.source_address
        record.client_request_id = headers.get("x-client-request-id", "")[:128]
        served = serve(record, self._runtime, self._surroundings.credentials, self._surroundings.audit_failed)
        if served is not None:
            return self._end((served,), None, now, status=served.status)
        if self._surroundings.audit_failed and not self._runtime.fail_open:
            raise audit_unavailable()
        if not self._runtime.pack.enabled:
            raise GatewayUnavailable("This gateway is switched off by its configuration (pack.enabled is false).")
        if headers.get("content-encoding", "identity") != "identity":
            raise MalformedRequest(
                "Compressed request bodies are not accepted; send the body without Content-Encoding."
            )
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._runtime.limits.max_body_bytes:
            raise self._too_large()
        if event.end_of_stream:
            raise MalformedRequest("The request has no body; send a JSON object.")
        self._state = State.ASKING
        return (Continue(metadata=CLAIM),)

    def _on_request_body(self, event: RequestBody, now: float) -> tuple[Action, ...]:
        self.record.request_bytes = len(event.body)
        if len(event.body) > self._runtime.limits.max_body_bytes:
            raise self._too_large()
        asked = self._asked = ask(
            event.body,
            runtime=self._runtime,
            guard=self._guard,
            credentials=self._surroundings.credentials,
            record=self.record,
            now=now,
        )
        self.record.asked = now
        self._state = State.ASKED
        return (Replace(asked.body, asked.set_headers, metadata=asked.metadata),)

    def _on_response_headers(self, event: ResponseHeaders, now: float) -> tuple[Action, ...]:
        record, asked = self.record, self._asked
        record.first_byte, record.attempts, record.attempt_count = now, event.outcomes, event.attempts
        self._head = event
        # The trap answered: no host of the target was healthy, and nobody upstream has seen the request.
        trapped = bool(event.outcomes) and event.outcomes[-1].error_type == NO_HEALTHY_HOST
        if trapped:
            self._head = replace(event, details="no_healthy_upstream")
        elif asked is not None:
            self._target = next((t for t in asked.targets if t.id == event.cluster), None)
        if self._target is not None and event.details == "via_upstream":
            record.target = self._target.id
        status = int(event.headers.get(":status", "0"))
        content_type = event.headers.get("content-type", "")
        if asked is None or self._target is None or status != 200:
            return self._await_fault(event, now)
        if not asked.call.stream:
            return self._await_whole(event, now)
        self._state = State.STREAMING
        self._stream = answer.StreamedAnswer(
            asked=asked,
            target=self._target,
            guard=self._guard,
            record=record,
            framed=content_type.startswith(answer.EVENT_STREAM),
        )
        # The target's own time runs from its attempt; with failovers before it that began at the latest now.
        began = record.asked if event.attempts <= 1 and record.asked is not None else now
        self.deadline = began + self._target.timeout_seconds
        headers = (
            ("content-type", "text/event-stream; charset=utf-8"),
            ("cache-control", "no-cache"),
            *self._target_header(),
        )
        return (Continue(headers, UPSTREAM_HEADERS, BodyMode.STREAMED),)

    def _await_whole(self, event: ResponseHeaders, now: float) -> tuple[Action, ...]:
        if event.end_of_stream:
            return self._on_whole(ResponseBody(b"", end_of_stream=True), now)
        self._state = State.BUFFERING
        return (Continue(self._target_header(), UPSTREAM_HEADERS, BodyMode.BUFFERED),)

    def _await_fault(self, event: ResponseHeaders, now: float) -> tuple[Action, ...]:
        self._state = State.FAILING
        if event.end_of_stream:
            return self._on_fault(ResponseBody(b"", end_of_stream=True), now)
        return (Continue(body_mode=BodyMode.BUFFERED),)

    def _on_whole(self, event: ResponseBody, now: float) -> tuple[Action, ...]:
        if self._asked is None or self._target is None:
            raise GatewayUnavailable("The gateway failed. Try again.", detail="an answer to nothing asked")
        body = answer.whole(event.body, asked=self._asked, target=self._target, guard=self._guard, record=self.record)
        self.record.response_bytes = len(body)
        return self._end((Replace(body, (("content-type", "application/json"),)),), None, now)

    def _on_fault(self, event: ResponseBody, _: float) -> tuple[Action, ...]:
        head = self._head
        if head is None:
            raise GatewayUnavailable("The gateway failed. Try again.", detail="a fault without a head")
        # Envoy's own reply to what it refused before we asked anything (a body over its limit, say).
        if self._asked is None and head.headers.get(":status") == "413":
            raise self._too_large()
        targets = self._asked.targets if self._asked is not None else ()
        raise faults.classify(
            int(head.headers.get(":status", "0")),
            head.headers,
            event.body,
            details=head.details,
            hide=tuple(target.endpoint for target in targets),
            only_target=len(targets) == 1,
        )

    def _on_chunk(self, event: ResponseBody, now: float) -> tuple[Action, ...]:
        return self._release(event.body, last=event.end_of_stream, now=now)

    def _on_trailers(self, _: ResponseTrailers, now: float) -> tuple[Action, ...]:
        # Trailers take the place of the last chunk: what is held goes before them, and they end the stream.
        actions = self._release(b"", last=True, now=now)
        return (*(Release(a.body) for a in actions if isinstance(a, Release) and a.body), Continue())

    def _release(self, data: bytes, *, last: bool, now: float) -> tuple[Action, ...]:
        stream = self._stream
        if stream is None:
            raise GatewayUnavailable("The gateway failed. Try again.", detail="a chunk without a stream")
        out = stream.push(data, last=last)
        self.record.response_bytes += len(out)
        if stream.ended:
            return self._end((Release(out, end_of_stream=True),), stream.error, now)
        return (Release(out),) if out else ()

    def _on_deadline(self, _: DeadlinePassed, now: float) -> tuple[Action, ...]:
        stream, target = self._stream, self._target
        if stream is None or target is None:
            return ()
        out: list[bytes] = []
        message = (
            f"The answer was not complete within {target.timeout_seconds:g} seconds, the time allowed for this model."
        )
        stream.fail(UpstreamTimeout(message, detail="timeout_seconds passed in mid-stream"), out)
        return self._end((Release(b"".join(out), end_of_stream=True),), stream.error, now)

    def _on_closed(self, _: Closed, now: float) -> tuple[Action, ...]:
        if self._stream is not None:
            self._stream.account()
        # 499: nothing was sent, or not all of it; the status that proxies log for a client that left.
        head = self._head
        status = 200 if self._state is State.STREAMING and head is not None else 499
        self._state = State.DONE
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
        detail = f"{type(event).__name__} in state {self._state.name}"
        return self._fail(GatewayUnavailable("The gateway failed. Try again.", detail=detail), now)

    # Ends.

    def _fail(self, error: GatewayError, now: float) -> tuple[Action, ...]:
        stream = self._stream
        if stream is None or stream.ended:
            return self._respond(error, now)
        out: list[bytes] = []
        stream.fail(error, out)
        return self._end((Release(b"".join(out), end_of_stream=True),), error, now)

    def _respond(self, error: GatewayError, now: float) -> tuple[Action, ...]:
        body = error_body.body(error)
        self.record.response_bytes = len(body)
        # Envoy puts the id on every answer but those that take the place of an answer already under way.
        identity = (("x-request-id", self.record.request_id),) if self.record.request_id else ()
        headers = (*error_body.headers(error), *identity, *(self._target_header() if self.record.target else ()))
        action = Respond(error.http_status, headers, body, details=f"kt_{error.openai_code or error.type}")
        return self._end((action,), error, now, status=error.http_status)

    def _end(
        self, actions: tuple[Action, ...], error: GatewayError | None, now: float, status: int = 200
    ) -> tuple[Action, ...]:
        self._state = State.DONE
        self.deadline = None
        if error is None:
            self.record.end(outcomes.SERVED, status, now)
        else:
            self.record.failed(error)
            self.record.end(_outcome(error), status, now)
        return actions

    def _target_header(self) -> tuple[tuple[str, str], ...]:
        return (("x-kt-target", self._target.id),) if self._target is not None else ()

    def _too_large(self) -> RequestTooLarge:
        limit = self._runtime.limits.max_body_bytes
        return RequestTooLarge(f"The request body is larger than {limit} bytes, the most this gateway takes.")

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


def _outcome(error: GatewayError) -> str:
    if isinstance(error, PolicyRefusal):
        return outcomes.BLOCKED
    return outcomes.REJECTED if isinstance(error, CallerError | UpstreamRejected) else outcomes.FAILED
