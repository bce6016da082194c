"""Sessions of a stateful container, as LMI keeps them: opened on demand, and an error once they are unknown."""

from __future__ import annotations

from time import gmtime, strftime
from typing import TYPE_CHECKING

from extproc.emulator import refusals
from extproc.emulator.container import ContainerRefused
from extproc.emulator.refusals import Refused

if TYPE_CHECKING:
    from extproc.emulator.received import Received

# LMI's default.
LIFETIME_SECONDS = 1200


def take(known: set[str], received: Received, endpoint: str, region: str, now: float) -> tuple[tuple[str, str], ...]:
    """Open the session that is asked for, or go on with one; gives the headers that say so.

    Args:
        known: the sessions there are; changed.
        received: with its session header, if it has one.
        endpoint: the container's.
        region: of the endpoint.
        now: Unix seconds.

    Raises:
        Refused: there is no such session.
    """
    asked = received.header(b"x-amzn-sagemaker-session-id")
    if asked is None:
        return ()
    name = asked.decode("latin-1")
    if name == "NEW_SESSION":
        opened = f"{region}-{len(known) + 1}"
        known.add(opened)
        expires = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(now + LIFETIME_SECONDS))
        return (("X-Amzn-SageMaker-New-Session-Id", f"{opened}; Expires={expires}"),)
    if name not in known:
        error = ContainerRefused(424, "session not found")
        raise Refused(refusals.model_error(endpoint, region, error.status, error.body))
    return ()
