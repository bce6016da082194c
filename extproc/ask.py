"""From a request body to signed attempts: parse, judge, plan, translate, sign, in that order and in one pass.

Every planned target is signed for at once (about 7 µs each): failover then goes on at Envoy's speed, without us.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from extproc import route
from extproc.errors import RequestTooLarge, UnsupportedParameter
from extproc.judge import judge
from extproc.openai import text
from extproc.policies.verdict import Phase
from extproc.routing import order
from extproc.routing.ledger import Observer, Unobserved
from extproc.routing.settings import EVERY_TRIGGER
from extproc.sagemaker import addressing, invoke, native, sigv4
from extproc.sagemaker import session as sticky
from extproc.translate import translator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.config.runtime import Runtime
    from extproc.openai.call import Call
    from extproc.openai.endpoint import Endpoint
    from extproc.policies.verdict import Guard
    from extproc.record import ExchangeRecord
    from extproc.routing.budget import RetryBudget
    from extproc.routing.settings import Routing
    from extproc.routing.targets import Credentials, Identity, Target
    from extproc.sagemaker.session import Session
    from extproc.sagemaker.ticket import Tickets

# Where the route looks for the order of targets, and attempt.lua for what each attempt must carry.
PLAN = "kt.plan"
ATTEMPTS = "kt.attempts"
# What an attempt holds beside its headers; attempt.lua says what each is for.
NO_HEADERS = frozenset({"again", "body", "ticket", "whole"})
# The router's own total comes after ours, so that a stream that is out of time ends with an error event, not a reset.
GRACE_SECONDS = 5.0


_IN_TIME: Mapping[str, float] = MappingProxyType({})
_UNOBSERVED = Unobserved()


class Asked(NamedTuple):
    """A request ready to go: what goes upstream, to whom, and what the answer must be turned back with.

    `guarded`: whether any policy reads it or its answer.
    """

    call: Call
    targets: tuple[Target, ...]
    body: bytes
    set_headers: tuple[tuple[str, str], ...]
    metadata: Mapping[str, Any]
    guarded: bool = True


def ask(
    body: bytes,
    *,
    endpoint: Endpoint,
    runtime: Runtime,
    guard: Guard,
    credentials: Mapping[Identity, Credentials],
    record: ExchangeRecord,
    now: float,
    clock: Mapping[str, float] = _IN_TIME,
    session: Session | None = None,
    tickets: Tickets | None = None,
    observer: Observer = _UNOBSERVED,
    client: bytes = b"",
    budget: RetryBudget | None = None,
) -> Asked:
    """Judge a request and make it ready for every target it may go to.

    Args:
        body: the client's body, whole.
        endpoint: that it came to.
        runtime: the configuration the exchange started with.
        guard: its policies.
        credentials: a snapshot by identity.
        record: told of model, plan and findings.
        now: Unix seconds, for the signatures.
        clock: seconds by which AWS's clock is ahead of ours, by region.
        session: that the client wants to go on with, or to have.
        tickets: for attempts to be signed again when AWS refuses their signature; None for never.
        observer: what is known of the targets.
        client: digest of the header that keeps a client at its target; b"" for none.
        budget: on retries; None for no bound but the number of targets.

    Raises:
        GatewayError: the request ends here, and how.
    """
    call = endpoint.parse(body)
    record.model, record.stream = call.model, call.stream
    stages = route.candidates_of(call, runtime, credentials, record)
    # Policies may rewrite `user`.
    request = route.described(call, stages, runtime, observer, client)
    if runtime.chain.inspects(Phase.REQUEST):
        judge(text.request_slots(call.document), Phase.REQUEST, guard, record)
    else:
        record.found(Phase.REQUEST, ())
    ordered = route.ordered(call, stages, request, runtime, observer, record=record, now=now)
    targets = sticky.first(ordered, session)
    if budget is not None and session is None:
        targets = budget.affordable(targets, now)
    asked = _signed(
        call,
        targets,
        credentials,
        now,
        clock,
        runtime=runtime,
        request_id=record.request_id,
        session=session,
        tickets=tickets,
    )
    record.planned = tuple([target.id for target in asked.targets])
    return asked


def _signed(
    call: Call,
    targets: tuple[Target, ...],
    credentials: Mapping[Identity, Credentials],
    now: float,
    clock: Mapping[str, float],
    *,
    runtime: Runtime,
    request_id: str,
    session: Session | None,
    tickets: Tickets | None,
) -> Asked:
    expires = now + sum([target.timeout_seconds for target in targets]) + GRACE_SECONDS
    document = call.document
    bodies: dict[tuple[object, ...], tuple[bytes, str]] = {}
    attempts: dict[str, object] = {}
    going: list[Target] = []
    first = b""
    refusal: UnsupportedParameter | None = None
    for target in targets:
        if len(going) == runtime.routing.attempts:
            break
        stream = call.stream and target.streaming
        # Targets of a group mostly share one body and one hash.
        key = _translation(target, stream=stream)
        if key not in bodies:
            try:
                body = translator(call.kind, target.format).request(call if stream else _whole(call), target)
            except UnsupportedParameter as error:
                # Another target of the group may speak a dialect that can say it.
                refusal = refusal or error
                continue
            # The client may have set all that the options would: then the bodies are one again.
            same = next((known for known in bodies.values() if known[0] == body), None) if bodies else None
            bodies[key] = same or (body, sigv4.payload_hash(body))
        body, payload_hash = bodies[key]
        if target.max_body_bytes is not None and len(body) > target.max_body_bytes:
            continue
        first = first or body
        keys, ahead = credentials[target.identity], clock.get(target.region, 0.0)
        planned: dict[str, str]
        if target.route == "openai":
            planned = native.request(target, len(body), stream=stream, credentials=keys, now=now + ahead)
        else:
            headers = addressing.of_request(target, document, request_id)
            if session is not None:
                headers |= sticky.header(target, session, stream=stream)
            planned = invoke.signed_request(
                target, len(body), payload_hash, stream=stream, credentials=keys, now=now + ahead, headers=headers
            )
        if tickets is not None:
            planned["ticket"] = tickets.issue(
                target, planned, payload_hash=payload_hash, credentials=keys, clock=ahead, now=now, expires=expires
            )
        if target.retry_model_timeouts:
            planned["again"] = "1"
        if not call.stream:
            # Even of one that cannot stream, where the client wants a stream.
            planned["whole"] = "1"
        if body is not first:
            # Envoy replays the first target's body; another's travels with its attempt.
            planned["body"] = body.decode()
        attempts[target.id] = planned
        going.append(target)
    if not going and refusal is not None:
        raise refusal
    if not going:
        most = max(target.max_body_bytes or 0 for target in targets)
        raise RequestTooLarge(f"The request is larger than {most} bytes, the most that this model's endpoint takes.")
    return _asked(call, going, first, attempts, runtime, spare=tickets is not None)


def _asked(
    call: Call,
    targets: list[Target],
    body: bytes,
    attempts: Mapping[str, object],
    runtime: Runtime,
    *,
    spare: bool,
) -> Asked:
    # The router has one time for every attempt of a request, and it ends with the head of an answer, a stream's first
    # content: so the most patient target's. Each target's own, for the whole, is its cluster's max_stream_duration.
    longest = max([t.patience if call.stream and t.streaming else t.timeout_seconds for t in targets])
    attempt_ms = round(1000 * longest)
    total = sum([target.timeout_seconds for target in targets]) + GRACE_SECONDS
    return Asked(
        call,
        tuple(targets),
        body,
        (
            ("x-envoy-upstream-rq-per-try-timeout-ms", str(attempt_ms)),
            ("x-envoy-upstream-rq-timeout-ms", str(round(1000 * total))),
            # One to spare for an attempt that is signed again; see attempt.lua.
            ("x-envoy-max-retries", str(len(targets) - 1 + spare)),
            # For an Envoy that cannot be told the order by metadata.
            (order.HEADER, order.name(targets, runtime.targets)),
        ),
        {
            PLAN: {
                "priority_groups": [{"name": target.id} for target in targets],
                "attempt_ms": attempt_ms,
                "limits_ms": {t.id: round(1000 * t.timeout_seconds) for t in targets if t.timeout_seconds < longest},
                **_triggers(runtime.routing),
            },
            ATTEMPTS: attempts,
        },
        runtime.chain.inspects(Phase.REQUEST) or runtime.chain.inspects(Phase.RESPONSE),
    )


def _triggers(routing: Routing) -> dict[str, dict[str, bool]]:
    """Which failures attempt.lua may go on from; nothing when all of them."""
    if routing.triggers == EVERY_TRIGGER or set(routing.triggers) == set(EVERY_TRIGGER):
        return {}
    return {"triggers": dict.fromkeys(routing.triggers, True)}


def _translation(target: Target, *, stream: bool) -> tuple[object, ...]:
    """All that a translation can depend on."""
    options = (target.temperature, target.max_tokens, target.max_context_tokens, target.input_type)
    return (target.format, target.prompt_template, target.upstream_model, *options, target.route, stream)


def _whole(call: Call) -> Call:
    """The same call for a target that cannot stream; what it answers is made a stream again afterwards."""
    if not call.stream:
        return call
    document = {name: value for name, value in call.document.items() if name not in ("stream", "stream_options")}
    return call._replace(stream=False, include_usage=False, document=document)
