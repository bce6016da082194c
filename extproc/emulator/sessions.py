"""Sessions of a stateful container, as AWS's model-hosting-container-standards (vLLM) and LMI keep them.

A body {"requestType": "NEW_SESSION"} opens one and {"requestType": "CLOSE"} ends it; anything else in such a body is
refused. Kinder than they are, a request for an answer with the header NEW_SESSION opens one, too.
"""

from __future__ import annotations

from time import gmtime, strftime
from typing import TYPE_CHECKING, Any

from extproc.emulator.container import ContainerRefused

if TYPE_CHECKING:
    from extproc.emulator.received import Received

# Their default.
LIFETIME_SECONDS = 1200

Headers = tuple[tuple[str, str], ...]


class Sessions:
    """Those of one region: each with the Unix second at which it ends."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._ends: dict[str, float] = {}

    def managed(self, document: dict[str, Any], received: Received, number: int, now: float) -> tuple[str, Headers]:
        """Open or close a session; gives what is said and the headers that tell it.

        Args:
            document: the body, with a requestType.
            received: with its session header, if it has one.
            number: the request's, which names a new session.
            now: Unix seconds.

        Raises:
            ContainerRefused: no such request, or no such session.
        """
        match document:
            case {"requestType": "NEW_SESSION", **rest} if not rest:
                headers = self._opened(number, now)
                return f"Session {headers[0][1].partition(';')[0]} created", headers
            case {"requestType": "CLOSE", **rest} if not rest:
                name = self._known(received, now)
                del self._ends[name]
                return f"Session {name} closed", (("X-Amzn-SageMaker-Closed-Session-Id", name),)
        raise ContainerRefused(400, "requestType: Input should be 'NEW_SESSION' or 'CLOSE', and nothing else given")

    def take(self, received: Received, number: int, now: float) -> Headers:
        """Go on with the session that a request names, or open the one it asks for; gives the headers that say so.

        Raises:
            ContainerRefused: there is no such session, or no more.
        """
        asked = received.header(b"x-amzn-sagemaker-session-id")
        if asked is None:
            return ()
        if asked == b"NEW_SESSION":
            return self._opened(number, now)
        self._known(received, now)
        return ()

    def _opened(self, number: int, now: float) -> Headers:
        name = f"{self._region}-{number}"
        self._ends[name] = now + LIFETIME_SECONDS
        expires = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(now + LIFETIME_SECONDS))
        return (("X-Amzn-SageMaker-New-Session-Id", f"{name}; Expires={expires}"),)

    def _known(self, received: Received, now: float) -> str:
        name = (received.header(b"x-amzn-sagemaker-session-id") or b"").decode("latin-1")
        if self._ends.get(name, 0) <= now:
            raise ContainerRefused(424, "session not found")
        return name
