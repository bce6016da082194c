"""Webhooks, received by a real server."""

import hmac
import re
from hashlib import sha256
from pathlib import Path

import pytest

from extproc.config.sink_settings import WebhookSettings
from extproc.edge.trail.piece import read
from extproc.edge.trail.sinks.sink import Undelivered
from extproc.edge.trail.sinks.webhook import Webhook, signature

SECRET = "whsec"


@pytest.fixture
def sink(receiver):
    """A sink with a secret and a header, and a query in its URL."""
    settings = WebhookSettings(name="webhook", url=f"{receiver.url}/in?tenant=7", secret_env="S", headers_env="H")
    return Webhook(settings, {"S": SECRET, "H": "authorization=Bearer%20t"})


def test_a_receiver_gets_the_lines_and_can_prove_whose_they_are(trail, directory, receiver, sink):
    """The body is the piece; headers say where it stands, how to know it again, and who signed it when."""
    writing = trail.Writing(directory)
    writing.batch()
    first = len(writing.written())
    data = writing.batch()
    sink.prepare()
    assert sink.deliver(read(writing.paths[0], first, 1_000_000, 1000)) == len(data)
    ((path, headers, body),) = receiver.requests
    assert (path, body) == ("/in?tenant=7", data)
    assert headers["content-type"] == "application/x-ndjson"
    assert headers["authorization"] == "Bearer t"
    assert headers["idempotency-key"] == sha256(data).hexdigest()
    assert (headers["x-kt-segment"], headers["x-kt-offset"]) == (writing.paths[0].name, str(first))
    at, _, signed = headers["x-kt-signature"].removeprefix("t=").partition(",v1=")
    assert signed == hmac.new(SECRET.encode(), at.encode() + b"." + body, sha256).hexdigest()


def test_a_repetition_has_the_same_key(trail, directory, receiver, sink):
    """A receiver that has it already knows it by the key."""
    writing = trail.Writing(directory)
    writing.batch()
    piece = read(writing.paths[0], 0, 1_000_000, 1000)
    receiver.answers = [(503, {"retry-after": "2"}, b"down")]
    with pytest.raises(Undelivered) as raised:
        sink.deliver(piece)
    assert raised.value.retry_after == 2.0
    sink.deliver(piece)
    assert len({headers["idempotency-key"] for _, headers, _ in receiver.requests}) == 1


def test_without_a_secret_nothing_is_signed(trail, directory, receiver):
    """No header is sent that would prove nothing."""
    writing = trail.Writing(directory)
    writing.batch()
    sink = Webhook(WebhookSettings(name="webhook", url=receiver.url), {})
    sink.deliver(read(writing.paths[0], 0, 1_000_000, 1000))
    assert "x-kt-signature" not in receiver.requests[0][1]


def test_the_receiver_of_the_readme_believes_us_and_nobody_else():
    """The example takes what we sign, and neither another body, secret or time."""
    readme = (Path(__file__).parents[4] / "README.md").read_text(encoding="utf-8")
    (program,) = [block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "def genuine" in block]
    names = {}
    exec(program, names)
    header = signature(b"k", b"body", 1000)
    genuine = names["genuine"]
    assert genuine(b"body", header, b"k", 1200.0)
    assert not genuine(b"bodY", header, b"k", 1200.0)
    assert not genuine(b"body", header, b"K", 1200.0)
    assert not genuine(b"body", header, b"k", 1300.0)
    assert not genuine(b"body", header.replace("1000", "1200"), b"k", 1200.0)


def test_the_signature_covers_the_time():
    """An old request cannot be sent again as a new one."""
    assert signature(b"k", b"body", 1).partition(",")[2] != signature(b"k", b"body", 2).partition(",")[2]
