"""Sticky sessions of stateful models, carried by the client: the gateway itself remembers nothing.

    client                                      SageMaker
    x-sagemaker-session-id: new           ──►   X-Amzn-SageMaker-Session-Id: NEW_SESSION
    x-sagemaker-session-id: east:1f2e     ◄──   X-Amzn-SageMaker-New-Session-Id: 1f2e; Expires=…   (of target east)
    x-sagemaker-session-id: east:1f2e     ──►   X-Amzn-SageMaker-Session-Id: 1f2e                  (east, tried first)
                                          ──►   X-Amzn-SageMaker-Session-Id: NEW_SESSION           (failover to another)

A session lives on one instance of one endpoint: failing over means another session, whose name the client then gets.
InvokeEndpointWithResponseStream takes sessions that exist, but cannot create one.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html (SessionId)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.errors import MalformedRequest, UnsupportedParameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.routing.targets import Target

HEADER = "x-sagemaker-session-id"
NEW, CLOSED = "new", "closed"

_NEW_SESSION = "NEW_SESSION"
# SessionIdHeader and NewSessionResponseHeader of the service model; at most 256 characters.
_KNOWN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,127}):([a-zA-Z0-9](?:-*[a-zA-Z0-9])*)")
_OPENED = re.compile(r"([a-zA-Z0-9](?:-*[a-zA-Z0-9])*)(; ?Expires=[0-9TZ:-]{20})?")
_MAX_ID = 256


@dataclass(frozen=True, slots=True)
class Session:
    """One that exists at `target`; without a target, one that is wanted."""

    target: str = ""
    id: str = ""


def parse(value: str) -> Session | None:
    """Read the client's header; None when it sent none.

    Raises:
        MalformedRequest: it is neither `new` nor what a response named.
    """
    if not value:
        return None
    if value.strip().lower() == NEW:
        return Session()
    # What a response said may come back as it was, with its expiry.
    known = _KNOWN.fullmatch(value.partition(";")[0].strip())
    if known is None or len(known[2]) > _MAX_ID:
        raise MalformedRequest(
            f"The header {HEADER} must be '{NEW}' or a session that an earlier response named in it."
        )
    return Session(known[1], known[2])


def first(targets: tuple[Target, ...], session: Session | None) -> tuple[Target, ...]:
    """The targets with that of the session in front.

    Raises:
        UnsupportedParameter: none of them has sessions.
    """
    if session is None:
        return targets
    if not any(target.sessions for target in targets):
        raise UnsupportedParameter(f"This model has no sessions; send the request without {HEADER}.", param=HEADER)
    return tuple(sorted(targets, key=lambda target: target.id != session.target))


def header(target: Target, session: Session | None, *, stream: bool) -> dict[str, str]:
    """What an attempt at this target says of the session; nothing where the target cannot have it."""
    if session is None or not target.sessions:
        return {}
    if session.target == target.id:
        return {"x-amzn-sagemaker-session-id": session.id}
    return {} if stream else {"x-amzn-sagemaker-session-id": _NEW_SESSION}


def answered(target: Target, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What the client is told of the session, from the response's headers (lower-case names)."""
    if not target.sessions:
        return ()
    opened = _OPENED.fullmatch(headers.get("x-amzn-sagemaker-new-session-id", ""))
    if opened is not None:
        return ((HEADER, f"{target.id}:{opened[0]}"),)
    return ((HEADER, CLOSED),) if "x-amzn-sagemaker-closed-session-id" in headers else ()
