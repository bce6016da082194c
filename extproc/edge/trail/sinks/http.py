"""POST to a receiver, and what its answer or its silence means."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from extproc import __version__
from extproc.edge.trail.sinks.headers import retry_after
from extproc.edge.trail.sinks.sink import Undelivered

if TYPE_CHECKING:
    from collections.abc import Mapping

# An answer says little; what is longer is not read.
_MOST_ANSWER = 65_536
_TOO_LARGE = 413


class Poster:
    """One receiver. TLS is verified, redirects are not followed, nothing is repeated here."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float) -> None:
        self._url = url
        self._headers = {"user-agent": f"kt-gateway/{__version__}", **headers}
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=1,
            retries=False,
            cert_reqs="CERT_REQUIRED",
            timeout=urllib3.Timeout(connect=min(timeout, 5.0), read=timeout),
        )

    def post(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The body of a 2xx answer, the beginning of it if it is long.

        Raises:
            Undelivered: there was none. Every other status is tried again, whatever it is: nothing of an audit trail
                may be lost, and a wrong token or path is mended by somebody some day.
        """
        try:
            response = self._pool.request(
                "POST",
                self._url,
                body=body,
                headers={**self._headers, **headers},
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except HTTPError as error:
            raise Undelivered(_kind(error)) from None
        try:
            answer: bytes = response.read(_MOST_ANSWER)
            if response.status < 200 or response.status >= 300:
                raise Undelivered(
                    f"http {response.status}",
                    retry_after=retry_after(response.headers.get("retry-after"), time.time()),
                    too_large=response.status == _TOO_LARGE,
                )
            # What is left of a long answer would be taken for the next one's beginning.
            if len(answer) == _MOST_ANSWER:
                response.close()
        except HTTPError as error:
            raise Undelivered(_kind(error)) from None
        finally:
            with contextlib.suppress(HTTPError):
                response.release_conn()
        return answer


def _kind(error: HTTPError) -> str:
    # urllib3 2 raises the cause itself with retries=False, and wraps some in others.
    for kinds, name in _KINDS:
        if isinstance(error, kinds):
            return name
    return "connection"


_KINDS: tuple[tuple[tuple[type[HTTPError], ...], str], ...] = (
    ((SSLError,), "tls"),
    # The next two are kinds of ConnectTimeoutError.
    ((NameResolutionError,), "name not found"),
    ((NewConnectionError,), "connection refused"),
    ((ConnectTimeoutError, ReadTimeoutError), "timeout"),
)
