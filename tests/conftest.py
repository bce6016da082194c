"""What tests of several folders share."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import pytest

from extproc.routing.targets import Credentials

_ANSWER = """\
<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/role/name</Arn><AssumedRoleId>A:n</AssumedRoleId>
</AssumedRoleUser><Credentials><AccessKeyId>{access}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
_DENIED = """\
<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>User: arn:aws:iam::123456789012:user/x is not authorized</Message></Error></ErrorResponse>"""


class SecurityTokenService:
    """STS's AssumeRole over HTTP: issues a new set of credentials to each call, and remembers who called with what.

    `calls` has each call's parameters, with `access_key` and `region` of its signature's scope; `issued` the sets, in
    order, each good for `lifetime` (seconds) by the clock; while `denied` is True the answer is AccessDenied.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        self.issued: list[Credentials] = []
        self.lifetime = 3600.0
        self.denied = False
        service = self

        class Handler(BaseHTTPRequestHandler):
            """One call."""

            def do_POST(self) -> None:
                """Answer it."""
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                scope = re.search(r"Credential=([^/]+)/\d+/([^/]+)/sts/", self.headers["authorization"])
                service.calls.append({**dict(parse_qsl(body)), "access_key": scope[1], "region": scope[2]})
                status, text = (403, _DENIED) if service.denied else (200, service.issue())
                self.send_response(status)
                self.send_header("content-type", "text/xml")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def issue(self) -> str:
        """Make a new set and the answer that holds it."""
        number = len(self.issued) + 1
        made = Credentials(f"ASIAROLE{number:012}", f"secret-of-{number}", f"token/of+{number}==")
        self.issued.append(made)
        expiration = datetime.now(UTC) + timedelta(seconds=self.lifetime)
        return _ANSWER.format(
            access=made.access_key,
            secret=made.secret_key,
            token=made.token,
            expiration=f"{expiration:%Y-%m-%dT%H:%M:%SZ}",
        )

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def sts():
    """A Security Token Service of the test's own."""
    service = SecurityTokenService()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def lasting_sts():
    """A Security Token Service for all tests of a file."""
    service = SecurityTokenService()
    yield service
    service.stop()
