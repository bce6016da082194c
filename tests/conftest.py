"""What tests of several folders share."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import settings

from extproc.ask import ATTEMPTS, Asked, ask
from extproc.emulator.received import Received
from extproc.openai import chat
from extproc.record import ExchangeRecord
from extproc.routing.targets import Credentials
from extproc.testing import NOW, chat_body, credentials_for

if TYPE_CHECKING:
    from extproc.config.runtime import Runtime

# How long an example takes says more about the machine and its load than about the code.
settings.register_profile("kt", deadline=None)
settings.load_profile("kt")

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


# What a test may say beside the request.
_OF_ASK = ("endpoint", "credentials", "clock", "session", "tickets")


class Asking:
    """Asks for one request in every test of extproc/ask.py, at the playbook's time."""

    def __call__(self, runtime: Runtime, text: str = "Hi", **fields: Any) -> tuple[Asked, ExchangeRecord]:
        """What becomes of a chat in which the user says `text`, and what is recorded of it.

        `fields` are the request's, or of `ask` (_OF_ASK), or `body`: the whole request.
        """
        record = ExchangeRecord(started=NOW, config={}, request_id="request-1")
        return self._ask(runtime, text, record, fields), record

    def refused(
        self, runtime: Runtime, kind: type[Exception], text: str = "Hi", **fields: Any
    ) -> tuple[Any, ExchangeRecord]:
        """The error that the same ends in, and what is recorded of it."""
        record = ExchangeRecord(started=NOW, config={}, request_id="request-1")
        with pytest.raises(kind) as raised:
            self._ask(runtime, text, record, fields)
        return raised.value, record

    @staticmethod
    def attempts(asked: Asked) -> dict[str, dict[str, str]]:
        """What each attempt is to send, by target."""
        listed: dict[str, dict[str, str]] = asked.metadata[ATTEMPTS]
        return listed

    def received(self, asked: Asked, target: str) -> Received:
        """The request as SageMaker receives it when this target is attempted."""
        attempt = dict(self.attempts(asked)[target])
        body = attempt.pop("body", asked.body.decode()).encode()
        path, host = attempt.pop(":path").encode(), attempt.pop(":authority").encode()
        headers = [(name.encode(), value.encode()) for name, value in attempt.items()]
        return Received(b"POST", path, ((b"host", host), *headers), body)

    @staticmethod
    def _ask(runtime: Runtime, text: str, record: ExchangeRecord, fields: dict[str, Any]) -> Asked:
        given = {name: fields.pop(name) for name in _OF_ASK if name in fields}
        settings = {"endpoint": chat, "credentials": credentials_for(runtime), **given}
        body = fields.pop("body", None) or chat_body(text, **fields).body
        return ask(body, runtime=runtime, guard=runtime.chain.guard(), record=record, now=NOW, **settings)


@pytest.fixture(scope="session")
def asking() -> Asking:
    """Asking(): called, it asks."""
    return Asking()
