"""The ext_proc service: reads Envoy's messages, feeds an Exchange, writes what it answers, and audits every end."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from extproc._pb import ext_proc_pb2 as pb
from extproc.actions import Release, Replace, Respond
from extproc.audit.evidence import Evidence, EvidenceSettings
from extproc.edge import logs, signer, wire
from extproc.edge.arriving import Arriving
from extproc.edge.corrections import Corrections
from extproc.edge.observations import own_ledger
from extproc.edge.signer import Signer
from extproc.edge.trail.batch import AuditFailed
from extproc.edge.transport import Context, Method, PeerLeft, Transport
from extproc.edge.whole import whole
from extproc.errors import GatewayUnavailable
from extproc.events import (
    Closed,
    DeadlinePassed,
    Event,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
)
from extproc.exchange import Exchange, Surroundings
from extproc.http2.limits import Limits as Http2Limits
from extproc.http2.status import Status
from extproc.metrics.tally import Tally
from extproc.metrics.traffic import Traffic
from extproc.record import ABORTED, FAILED, SERVED, fault
from extproc.routing.budget import RetryBudget
from extproc.routing.watch import Watch
from extproc.span import attributes

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.actions import Action
    from extproc.config.runtime import Runtime
    from extproc.edge.credentials import CredentialKeeper
    from extproc.edge.trail.writer import Trail
    from extproc.routing.ledger import Ledger
    from extproc.sagemaker.ticket import Tickets

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
# Above this many bytes a body is judged in a thread (RE2 and hashlib release the GIL): others are not kept waiting.
OFFLOAD_BYTES = 128 * 1024
# What ext_proc adds to a body in its message, at the most: headers (60 KiB), attributes, framing.
MESSAGE_OVERHEAD = 256 * 1024

NO_EVIDENCE = EvidenceSettings()

# What carries the calls: our own HTTP/2 (edge/http2), or the gRPC library, at five times the CPU (measured).
TRANSPORTS = ("h2", "grpc")


class ExternalProcessor:
    """One worker's service. `runtime` is read once per exchange: an exchange keeps the one it started with.

    With `spans` Envoy is told what its spans are to say.
    """

    def __init__(
        self,
        runtime: Callable[[], Runtime],
        keeper: CredentialKeeper,
        trail: Trail,
        tickets: Tickets,
        ledger: Ledger | None = None,
        *,
        evidence: EvidenceSettings = NO_EVIDENCE,
        traffic: Traffic | None = None,
        spans: bool = False,
    ) -> None:
        self._runtime = runtime
        self._ledger = ledger or own_ledger(runtime())
        self._keeper = keeper
        self._trail = trail
        self._corrections = Corrections(keeper)
        self._tickets = tickets
        self.signer = Signer(runtime, keeper, self._corrections, tickets)
        self._budget = RetryBudget()
        self._evidence = evidence
        compiled = runtime()
        self._traffic = traffic or Traffic(Tally(), compiled.targets, compiled.by_model)
        self._spans = spans
        self.open = 0

    async def process(self, context: Context) -> None:
        """Serve one exchange: one gRPC stream of Envoy's."""
        runtime = self._runtime()
        surroundings = Surroundings(
            self._keeper.snapshot,
            self._corrections.clock,
            audit_failed=self._trail.failed,
            now=time.time(),
            tickets=self._tickets,
            observer=self._ledger,
            budget=self._budget,
        )
        exchange, evidence = Exchange(runtime, surroundings), Evidence(self._evidence)
        conversation = _Conversation(
            exchange, self._trail, context, Watch(self._ledger), evidence, traffic=self._traffic, spans=self._spans
        )
        self.open += 1
        try:
            arriving = Arriving(context)
            while (event := await arriving.next()) is not None:
                if isinstance(event, ResponseHeaders):
                    self._corrections.learn(event.outcomes, runtime.targets, time.time())
                    self._budget.note(event.outcomes, time.time())
                await conversation.take(event)
                # It may have a megabyte, and the next may be long in coming.
                del event
        except PeerLeft:
            # Envoy reset the stream while it was being written to: the client left.
            return
        except Exception as error:  # noqa: BLE001 - whatever is wrong with us, the request must not pass unguarded
            logs.get().error("an exchange failed in the gateway", fault=fault(error))
            conversation.fail(error)
            # Never a plain return: Envoy would let the rest of the exchange pass unfiltered.
            await context.abort(Status.INTERNAL, "the exchange failed")
        finally:
            # Client gone, Envoy gone, or a normal end: they look alike here, the exchange knows which it was.
            self.open -= 1
            conversation.close()


class _Conversation:
    """One exchange's end of the gRPC stream."""

    __slots__ = (
        "_answering", "_asking", "_audited", "_context", "_deadline", "_evidence", "_exchange", "_lock", "_spans",
        "_timer", "_traffic", "_trail", "_watch",
    )  # fmt: skip

    def __init__(
        self,
        exchange: Exchange,
        trail: Trail,
        context: Context,
        watch: Watch,
        evidence: Evidence,
        *,
        traffic: Traffic,
        spans: bool,
    ) -> None:
        self._exchange = exchange
        self._evidence = evidence
        self._watch = watch
        self._trail = trail
        self._context = context
        self._traffic = traffic
        self._spans = spans
        # Seconds of work on the request, and on the answer.
        self._asking = self._answering = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: asyncio.Task[None] | None = None
        self._audited = False
        # The deadline's answer and a chunk's answer may be due at the same moment; gRPC writes one at a time.
        self._lock = asyncio.Lock()

    async def take(self, event: Event) -> None:
        """Feed one event and write what answers it."""
        exchange = self._exchange
        async with self._lock:
            began = time.time()
            if isinstance(event, RequestBody | ResponseBody) and len(event.body) > OFFLOAD_BYTES:
                # When Envoy leaves meanwhile, nobody else touches the exchange before the thread is done with it.
                actions = await whole(asyncio.to_thread(exchange.feed, event, began))
            else:
                actions = exchange.feed(event, began)
            now, record = time.time(), exchange.record
            if record.first_byte is None:
                self._asking += now - began
            else:
                self._answering += now - began
            self._watch.saw(event, record, now)
            self._witness(event, actions)
            if exchange.finished and not self._audited:
                actions = await self._audit(actions)
            for action in actions:
                message = wire.encode(action, event)
                # With the request as it goes upstream, for a client may leave; and with the last of the answer.
                if self._spans and (exchange.finished or record.asked == began):
                    message = wire.annotated(message, attributes(record))
                await self._context.write(message)
        if exchange.deadline is not None and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, exchange.deadline - time.time()), self._on_deadline)

    def fail(self, bug: Exception) -> None:
        """The exchange cannot go on, by a fault of ours or of Envoy's configuration: the record says so."""
        error = GatewayUnavailable("The gateway failed. Try again.", detail=f"bug: {fault(bug)}")
        self._exchange.record.failed(error)
        self._exchange.record.end(FAILED, error.http_status, time.time())

    def close(self) -> None:
        """The gRPC stream is over, however it ended: the record is completed and written if it was not yet."""
        if self._timer is not None:
            self._timer.cancel()
        record, now = self._exchange.record, time.time()
        if self._exchange.finished and not self._audited and record.outcome == SERVED:
            # Envoy left while the answer was judged in a thread: it was never handed over. 499 as in Exchange.
            record.finished = None
            record.end(ABORTED, 499, now)
        self._exchange.feed(Closed(), now)
        self._watch.ended(record, now)
        self._traffic.ended(record, self._asking, self._answering)
        if not self._audited and record.audited:
            self._audited = True
            # Nobody waits for it: nothing more is handed over.
            if self._trail.enabled:
                self._trail.put(self._document())

    async def _audit(self, actions: tuple[Action, ...]) -> tuple[Action, ...]:
        """Put the finished exchange on the trail, before its last byte is sent."""
        self._audited = True
        if not (self._exchange.record.audited and self._trail.enabled):
            return actions
        try:
            await self._trail.commit(self._document())
        except AuditFailed:
            return self._exchange.revoke(actions, time.time())
        return actions

    def _witness(self, event: Event, actions: tuple[Action, ...]) -> None:
        """Gather for the record what came and what goes."""
        evidence, exchange = self._evidence, self._exchange
        if isinstance(event, RequestHeaders):
            evidence.headers(event.headers, exchange.record)
        if not evidence.bodies:
            return
        if isinstance(event, RequestBody | RequestHeaders) and event.body is not None:
            asked = exchange.asked
            evidence.asked(event.body, None if asked is None else asked.call.document, exchange.record)
        for action in actions:
            if isinstance(action, Respond | Release) or (
                isinstance(action, Replace) and isinstance(event, ResponseBody | ResponseHeaders)
            ):
                evidence.answered(action.body)

    def _document(self) -> dict[str, object]:
        record = self._exchange.record
        if self._evidence.bodies:
            self._evidence.complete(record)
        return record.document()

    def _on_deadline(self) -> None:
        self._deadline = asyncio.create_task(self._end_in_time(), name="deadline")

    async def _end_in_time(self) -> None:
        try:
            await self.take(DeadlinePassed())
        except PeerLeft:
            return  # The exchange ended in the same instant: there is nobody left to write to.
        except Exception as error:  # noqa: BLE001 - a task's exception would be lost
            logs.get().error("an exchange was not ended in time", fault=fault(error))


def build(runtime: Runtime, processor: ExternalProcessor, address: str, transport: str = TRANSPORTS[0]) -> Transport:
    """A server on `address` ("unix:/path" or "host:port"), not yet started; `transport` is one of TRANSPORTS.

    Raises:
        OSError: nobody can listen there.
    """
    largest = max(runtime.limits.max_body_bytes, runtime.limits.max_response_bytes) + MESSAGE_OVERHEAD
    decode, encode = pb.ProcessingRequest.FromString, pb.ProcessingResponse.SerializeToString
    methods = (
        Method(SERVICE, "Process", processor.process, decode, encode),
        Method(signer.SERVICE, signer.METHOD, processor.signer.resign, bytes, bytes, unary=True),
    )
    # The one that is not used is not loaded: gRPC takes megabytes.
    if transport == "h2":
        from extproc.edge.http2.server import Http2Transport  # noqa: PLC0415 - see above

        return Http2Transport(methods, address, limits=Http2Limits(max_message_bytes=largest))
    from extproc.edge.grpc_transport import GrpcTransport  # noqa: PLC0415 - see above

    return GrpcTransport(methods, address, max_message_bytes=largest)
