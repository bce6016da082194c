"""From a call to the targets that it tries, in order: what the rooms routing/ and openai/ know, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.errors import ContextLengthExceeded, PolicyRefusal
from extproc.openai import context
from extproc.policies.verdict import Block, Phase
from extproc.routing.affinity import affinity
from extproc.routing.candidates import DATA_ROUTING, candidates
from extproc.routing.plan import plan
from extproc.routing.settings import Request
from extproc.routing.strategies import cost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.config.runtime import Runtime
    from extproc.openai.call import Call
    from extproc.record import ExchangeRecord
    from extproc.routing.candidates import Stages
    from extproc.routing.ledger import Observer
    from extproc.routing.targets import Credentials, Identity, Target

# An answer's length, for comparing costs, when the client names no limit.
COMPLETION_TOKENS = 256


def candidates_of(
    call: Call, runtime: Runtime, credentials: Mapping[Identity, Credentials], record: ExchangeRecord
) -> Stages:
    """The targets that may serve a call.

    Raises:
        UnknownModel, PolicyRefusal, GatewayUnavailable: as `routing.candidates`; the record is told of a refusal.
    """
    try:
        return candidates(runtime.stages(call.model), call.model, call.kind, credentials)
    except PolicyRefusal as refusal:
        record.blocked(Phase.REQUEST, Block(DATA_ROUTING, "on_no_compliant_provider", refusal.message))
        raise


def described(call: Call, stages: Stages, runtime: Runtime, observer: Observer, client: bytes) -> Request:
    """What strategies may look at of a call, as the client wrote it; `client` is the digest of the sticky header."""
    routing = runtime.routing
    prompt = completion = 0
    if routing.strategy == cost.NAME:
        first = next(target for stage in stages for target in stage)
        prompt = context.prompt_tokens(call)
        completion = context.completion_tokens(call, first) or COMPLETION_TOKENS
    return Request(
        observer.turn(call.model),
        observer.chance(),
        client if routing.sticky_header else affinity(call.document.get("user")),
        prompt,
        completion,
        routing.window,
        routing.min_samples,
    )


def ordered(
    call: Call,
    stages: Stages,
    request: Request,
    runtime: Runtime,
    observer: Observer,
    *,
    record: ExchangeRecord,
    now: float,
) -> tuple[Target, ...]:
    """Those whose context the call fits, best first; the record is told the order and its reasons.

    Raises:
        ContextLengthExceeded: it fits none.
    """
    routing = runtime.routing
    targets, reasons = plan(_within_context(call, stages), request, routing, observer, now)
    if routing.tell_barred:
        barred = {target.id: DATA_ROUTING for stage in runtime.stages(call.model) for target in stage if target.barred}
        reasons = {**barred, **reasons}
    record.routing = {"strategy": routing.strategy, "order": [target.id for target in targets], "reasons": reasons}
    return targets


def _within_context(call: Call, stages: Stages) -> Stages:
    """The targets whose context the request fits; the first one's refusal when it fits none."""
    refusal: ContextLengthExceeded | None = None
    fitting: list[tuple[Target, ...]] = []
    # All texts are measured for it: once for all targets, and not at all where none has a limit.
    prompt: int | None = None
    for stage in stages:
        kept = []
        for target in stage:
            if target.max_context_tokens is not None:
                if prompt is None:
                    prompt = context.longest(call)
                try:
                    context.check(call, target, prompt)
                except ContextLengthExceeded as error:
                    refusal = refusal or error
                    continue
            kept.append(target)
        fitting.append(tuple(kept))
    if refusal is not None and not any(fitting):
        raise refusal
    return tuple(fitting)
