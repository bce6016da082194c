"""SageMaker Runtime of one region: from a request to an answer, without a socket.

In AWS's order: the size, the operation, the signature, the endpoint; then what the endpoint's kind makes of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from extproc.emulator import (
    addressing,
    answer,
    bearer,
    container,
    containers,
    dialect,
    knobs,
    native,
    personalities,
    refusals,
)
from extproc.emulator.answer import Answer
from extproc.emulator.container import ContainerRefused
from extproc.emulator.containers import Invocation
from extproc.emulator.refusals import Refusal, Refused
from extproc.emulator.sessions import Sessions
from extproc.emulator.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.emulator.journal import Entry
    from extproc.emulator.knobs import Knobs
    from extproc.emulator.received import Received
    from extproc.routing.targets import Credentials

# The 25 MB of AWS's hosting FAQ; the API reference still says 6 MiB.
PAYLOAD_LIMIT = 26_214_400

# Whatever comes before it is a proxy's, and signed.
_OPERATION = re.compile(
    r"(?:/[\w.~-]+)*?/endpoints/([a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62})/(invocations|invocations-response-stream)"
)
_EVENT_STREAM = "application/vnd.amazon.eventstream"


@dataclass(slots=True)
class Fault:
    """A kind that an endpoint (or `*`, every one) has for so many requests more; None: until it is taken away."""

    endpoint: str
    kind: str
    times: int | None = None


@dataclass(slots=True)
class Runtime:
    """One region's state. `endpoints` are the names that exist; None: every name that does not begin with `missing`."""

    region: str
    keys: Mapping[str, Credentials]
    endpoints: frozenset[str] | None = None
    payload_limit: int = PAYLOAD_LIMIT
    faults: list[Fault] = field(default_factory=list)
    sessions: Sessions = field(init=False)

    def __post_init__(self) -> None:
        """Begin without a session."""
        self.sessions = Sessions(self.region)

    def answer(self, received: Received, entry: Entry, now: float) -> Answer:
        """Answer one request and note in its entry what was done. `now` is Unix seconds."""
        common = (("x-amzn-requestid", f"00000000-0000-4000-8000-{entry.number:012x}"), ("date", _date(int(now))))
        try:
            made = self._judge(received, entry, now)
        except Refused as refused:
            told = native.refusal(refused.refusal) if _native(received) else refused.refusal
            made = self._refusal(told, entry, refused.delay_ms)
        entry.status = made.status
        return replace(made, headers=(*common, *made.headers))

    def too_large(self, entry: Entry) -> Answer:
        """Refuse a request whose body is over the limit, unread."""
        entry.kind = "too-large"
        entry.status = refusals.TOO_LARGE.status
        return self._refusal(refusals.TOO_LARGE, entry)

    def _judge(self, received: Received, entry: Entry, now: float) -> Answer:
        own = _native(received)
        operation = own or _OPERATION.fullmatch(received.path.decode("latin-1"))
        if received.method != b"POST" or operation is None:
            raise Refused(refusals.UNKNOWN_OPERATION)
        if own:
            bearer.verify(received, self.keys, self.region, now)
        else:
            verify(received, self.keys, self.region, now)
        endpoint = operation[1]
        if self.endpoints is not None and endpoint not in self.endpoints:
            raise Refused(refusals.no_such_endpoint(endpoint))
        stream = operation[2] == "invocations-response-stream"
        addressing.check(received, endpoint, own["component"] if own else "", stream=stream)
        settings = knobs.from_name(endpoint)
        failed: ContainerRefused | None = None
        document: dict[str, Any] = {}
        try:
            document = container.parse(received.body)
            if "emulator" in document:
                settings = knobs.from_body(settings, document.pop("emulator"))
            if own:
                native.check_model(document, endpoint)
        except ContainerRefused as refused:
            failed = refused
        except knobs.BadKnob as bad:
            failed = ContainerRefused(400, str(bad))
        taken = self._take_fault(endpoint)
        if taken:
            settings = knobs.from_name(taken, settings)
        name = taken or settings.fault or endpoint
        kind = entry.kind = personalities.kind_of(name)
        self._refuse_by_kind(kind, name, endpoint, settings)
        if kind in ("reset", "stall"):
            return Answer(0, steps=[answer.Reset() if kind == "reset" else answer.Stall()])
        kind, fault = personalities.container_of(name, endpoint)
        asked = Invocation(
            kind=kind,
            fault=fault,
            document=document,
            settings=settings,
            endpoint=endpoint,
            attributes=received.header(b"x-amzn-sagemaker-custom-attributes") or b"",
            created=int(now),
            number=entry.number,
            stream=stream,
            chat_alone=own is not None,
        )
        try:
            if failed:
                raise failed
            content_type, events, fault, headers = self._contained(asked, received, now)
        except ContainerRefused as refused:
            said = refusals.model_error(endpoint, self.region, refused.status, refused.body)
            raise Refused(said, settings.delay_ms) from refused
        if own and content_type != dialect.JSON:
            return native.streamed(content_type, events, fault, settings)
        limit_ms = answer.WHOLE_LIMIT_MS if settings.limit_ms is None else settings.limit_ms
        if not stream and settings.whole_ms >= limit_ms:
            raise Refused(refusals.model_error(endpoint, self.region, 0, ""), limit_ms)
        made = (_streamed if stream else _whole)(content_type, events, fault, settings)
        return replace(made, headers=(*made.headers, *headers))

    def _contained(
        self, asked: Invocation, received: Received, now: float
    ) -> tuple[str, Iterator[bytes], str, tuple[tuple[str, str], ...]]:
        """What the container says, the fault that is still to come, and what it tells of its sessions."""
        if personalities.kind_of(asked.endpoint) != "stateful":
            return (*containers.written(asked), ())
        if "requestType" in asked.document:
            told, headers = self.sessions.managed(asked.document, received, asked.number, now)
            return "text/plain", iter([told.encode()]), "", headers
        headers = self.sessions.take(received, asked.number, now)
        return (*containers.written(asked), headers)

    def _refuse_by_kind(self, kind: str, name: str, endpoint: str, settings: Knobs) -> None:
        if kind in refusals.BY_KIND:
            raise Refused(refusals.BY_KIND[kind], settings.delay_ms)
        if kind == "missing":
            raise Refused(refusals.no_such_endpoint(endpoint), settings.delay_ms)
        if kind == "model-error":
            status = (
                personalities.original_status(name) if settings.original_status is None else settings.original_status
            )
            said = settings.original_message
            if said is None:
                said = ContainerRefused(status, f"The container answered {status}.").body
            raise Refused(refusals.model_error(endpoint, self.region, status, said), settings.delay_ms)

    def _take_fault(self, endpoint: str) -> str | None:
        """Return the first fault set for the endpoint, one time less of it left."""
        for fault in self.faults:
            if fault.endpoint in (endpoint, "*"):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                return fault.kind
        return None

    def _refusal(self, refusal: Refusal, entry: Entry, delay_ms: float = 0.0) -> Answer:
        headers = [("content-type", refusal.content_type)]
        if refusal.error_type:
            entry.error_type = refusal.error_type
            headers.append(("x-amzn-errortype", refusal.error_type))
        if refusal.location:
            headers.append(("location", refusal.location))
        if not delay_ms or not refusal.body:
            return Answer(refusal.status, tuple(headers), refusal.body)
        steps = (answer.Wait(delay_ms / 1000), answer.Send(refusal.body))
        return Answer(refusal.status, tuple(headers), refusal.body, steps)


def _native(received: Received) -> re.Match[str] | None:
    """SageMaker's own OpenAI operation, if it is that which was called."""
    return native.OPERATION.fullmatch(received.path.decode("latin-1"))


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    """Return a Date header, by which a client may see how far its clock is off."""
    return formatdate(second, usegmt=True)


_VARIANT = ("x-amzn-invoked-production-variant", "AllTraffic")


def _whole(content_type: str, events: Iterator[bytes], fault: str, settings: Knobs) -> Answer:
    """InvokeEndpoint: the container's body as it is, even if it was asked to stream."""
    body = b"".join(events)
    headers = (("content-type", content_type), _VARIANT)
    return Answer(200, headers, body, answer.whole(body, fault, settings), settings.write_bytes)


def _streamed(content_type: str, events: Iterator[bytes], fault: str, settings: Knobs) -> Answer:
    """InvokeEndpointWithResponseStream: the container's body in PayloadParts."""
    headers = (("content-type", _EVENT_STREAM), ("x-amzn-sagemaker-content-type", content_type), _VARIANT)
    return Answer(200, headers, b"", answer.stream(events, fault, settings), settings.write_bytes)
