"""One request, explained: the way it would take through the gateway, and what would go upstream.

Everything is asked of `ask`, as a worker asks it: once for the group, and once for each target alone, which tells why
one fell out. The signatures are made with keys of no account: this decides nothing about anybody's credentials.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extproc.ask import ATTEMPTS, NO_HEADERS, ask
from extproc.errors import GatewayError
from extproc.policies.verdict import Phase
from extproc.record import ExchangeRecord
from extproc.routing.candidates import DATA_ROUTING
from extproc.routing.ledger import Unobserved
from extproc.routing.targets import Credentials
from extproc.sagemaker.sigv4 import canonical_request, payload_hash
from extproc.trial.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.ask import Asked
    from extproc.config.runtime import Runtime
    from extproc.openai.document import Document
    from extproc.openai.endpoint import Endpoint
    from extproc.routing.ledger import Observer
    from extproc.routing.targets import Target
    from extproc.trial.witness import Found, Said

# AWS's own example keys: they open nothing.
_KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SIGNATURE = "<signature>"
_NOBODY = Unobserved()
_SIGNED = re.compile(r"SignedHeaders=([^,]+)")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an attempt at a target would send; of `headers` the one that proves who we are is masked.

    `canonical` is SigV4's canonical request, which AWS repeats when signatures differ; "" where nothing is signed.
    """

    target: Target
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    canonical: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Explanation:
    """A request's way. `refusal` is the error that it ends in, None when it would go upstream.

    `group` are the targets that its model names, `left_out` those of them that it would not go to, each with the
    reason; `body` is the request as the policies leave it, None where it could not be read or was refused. `routing`
    is what the record says of the order: strategy, order and reasons; empty when the request was refused before.
    """

    model: str
    said: tuple[Said, ...]
    found: tuple[Found, ...]
    refusal: GatewayError | None
    group: tuple[Target, ...]
    attempts: tuple[Attempt, ...]
    left_out: tuple[tuple[Target, str], ...]
    body: Document | None
    routing: Mapping[str, object]


def explain(
    body: bytes, *, endpoint: Endpoint, runtime: Runtime, now: float, observer: Observer = _NOBODY
) -> Explanation:
    """Explain a client's body that comes to that endpoint at `now` (Unix seconds). Never raises for what it holds.

    `observer` knows the targets, as the workers of a running gateway do.
    """
    witness = Witness(runtime.chain)
    asked, record = _asked(body, endpoint, runtime, witness, now, observer=observer)
    group = tuple(target for stage in runtime.stages(record.model) for target in stage)
    attempts: tuple[Attempt, ...] = ()
    if not isinstance(asked, GatewayError):
        attempts = tuple(_attempt(target, asked) for target in asked.targets)
    going = {attempt.target.id for attempt in attempts}
    left_out = []
    for target in group:
        if target.barred:
            left_out.append((target, f"{DATA_ROUTING} keeps requests away: it {target.barred}"))
        elif target.id not in going:
            alone = replace(runtime, by_model={record.model: (target,)}, fallbacks={})
            said, _ = _asked(body, endpoint, alone, Witness(runtime.chain), now, observer=observer)
            # One that could serve the request by itself.
            beyond = "behind the last attempt that providers.fallback allows"
            left_out.append((target, said.message if isinstance(said, GatewayError) else beyond))
    return Explanation(
        record.model,
        witness.said(Phase.REQUEST),
        witness.found(Phase.REQUEST),
        asked if isinstance(asked, GatewayError) else None,
        group,
        attempts,
        tuple(left_out),
        None if isinstance(asked, GatewayError) else asked.call.document,
        record.routing,
    )


def _asked(
    body: bytes, endpoint: Endpoint, runtime: Runtime, witness: Witness, now: float, *, observer: Observer
) -> tuple[Asked | GatewayError, ExchangeRecord]:
    record = ExchangeRecord(started=now, config={}, request_id="00000000-0000-4000-8000-000000000000")
    credentials = {target.identity: _KEYS for target in runtime.targets}
    try:
        asked = ask(
            body,
            endpoint=endpoint,
            runtime=runtime,
            guard=witness,
            credentials=credentials,
            record=record,
            now=now,
            observer=observer,
        )
    except GatewayError as refusal:
        return refusal, record
    return asked, record


def _attempt(target: Target, asked: Asked) -> Attempt:
    attempts: Mapping[str, Mapping[str, str]] = asked.metadata[ATTEMPTS]
    attempt = attempts[target.id]
    body = attempt["body"].encode() if "body" in attempt else asked.body
    headers = {name: value for name, value in attempt.items() if name not in NO_HEADERS and not name.startswith(":")}
    path, host = attempt[":path"], attempt[":authority"]
    canonical = ""
    if signed := _SIGNED.search(headers["authorization"]):
        values = {name: {**headers, "host": host}[name] for name in signed[1].split(";")}
        canonical, _ = canonical_request("POST", path, values, payload_hash(body))
    shown = tuple((name, _masked(name, value)) for name, value in headers.items())
    return Attempt(target, "POST", f"{target.scheme}://{host}{path}", shown, canonical, body)


def _masked(name: str, value: str) -> str:
    if name != "authorization":
        return value
    scheme, _, rest = value.partition(" ")
    if scheme == "Bearer":
        return f"{scheme} {SIGNATURE}"
    # What is signed, and for which service and day, is what a mismatch is looked for in.
    scope = rest.replace(_KEYS.access_key, "<access key>")
    return f"{scheme} {scope.partition('Signature=')[0]}Signature={SIGNATURE}"
