"""What the emulator's tests share: an emulator that listens, AWS's own client for it, and requests that it signed."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from unittest import mock

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotocoreCredentials

from extproc.emulator.received import Received
from extproc.emulator.server import TEST_CREDENTIALS, EmulatorThread

NOW = 1_790_000_000


@pytest.fixture
def emulator():
    """An emulator of us-east-1 in a thread of its own."""
    with EmulatorThread() as running:
        yield running


@pytest.fixture
def connect():
    """Makes AWS's own client for an emulator; it tries once and is closed with the test."""
    clients = []

    def make(emulator, *, credentials=TEST_CREDENTIALS, region="us-east-1", **changes):
        client = boto3.client(
            "sagemaker-runtime",
            endpoint_url=emulator.url,
            region_name=region,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
            **changes,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(emulator, connect):
    """AWS's own client for the emulator."""
    return connect(emulator)


@pytest.fixture
def chat():
    """Makes the body of a chat request."""

    def make(text="Hello wide world", *, stream=False, emulator=None, **fields):
        document = {"messages": [{"role": "user", "content": text}], "stream": stream, **fields}
        if emulator is not None:
            document["emulator"] = emulator
        return json.dumps(document, ensure_ascii=False).encode()

    return make


@pytest.fixture
def now():
    """The time at which `signed` signs, unless told otherwise."""
    return NOW


@pytest.fixture
def signed():
    """Makes a request as it is received, signed by botocore."""

    def make(
        path="/endpoints/chat/invocations",
        body=b'{"messages":[{"role":"user","content":"Hello wide world"}]}',
        *,
        headers=None,
        credentials=TEST_CREDENTIALS,
        region="us-east-1",
        service="sagemaker",
        at=NOW,
    ):
        given = {"content-type": "application/json", **(headers or {})}
        request = AWSRequest("POST", f"http://127.0.0.1:8080{path}", headers=given, data=body)
        keys = BotocoreCredentials(credentials.access_key, credentials.secret_key, credentials.token)
        with mock.patch("botocore.auth.get_current_datetime", return_value=datetime.fromtimestamp(at, UTC)):
            SigV4Auth(keys, service, region).add_auth(request)
        sent = [("host", "127.0.0.1:8080"), *request.headers.items()]
        wire = tuple((name.lower().encode(), value.encode("latin-1")) for name, value in sent)
        return Received(b"POST", path.encode(), wire, body)

    return make


@pytest.fixture
def eventually():
    """Waits until something is so: what one process does becomes true for another a little later."""

    def wait(condition):
        for _ in range(1_000):
            if condition():
                return True
            time.sleep(0.01)
        return False

    return wait
