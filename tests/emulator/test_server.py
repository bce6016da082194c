"""The emulator as AWS's own client meets it: both operations, every class of error, and what breaks in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import subprocess
import threading
import time
from dataclasses import replace

import pytest
from botocore.eventstream import ChecksumMismatch
from botocore.exceptions import ConnectionClosedError, EventStreamError, ResponseStreamingError
from urllib3.exceptions import ProtocolError

from extproc.emulator.runtime import Fault
from extproc.emulator.server import TEST_CREDENTIALS, Emulator, EmulatorThread
from extproc.emulator.vectors import vector
from extproc.routing.targets import Credentials

# The errors that the service model names get a class of their own.
MODELLED = {
    *("ModelError", "ModelNotReadyException", "ValidationError"),
    *("InternalFailure", "ServiceUnavailable", "InternalDependencyException"),
}
SESSION = replace(TEST_CREDENTIALS, token="a/session+token==")


def streamed(client, endpoint, body):
    """The bytes of a stream, read by AWS's client to its end."""
    answer = client.invoke_endpoint_with_response_stream(
        EndpointName=endpoint, Body=body, ContentType="application/json", Accept="application/json"
    )
    # AWS's client leaves the connection open when the stream fails.
    with contextlib.closing(answer["Body"]) as events:
        return b"".join(event["PayloadPart"]["Bytes"] for event in events)


def test_invoke_endpoint(client, emulator, chat) -> None:
    """A whole answer arrives with its content type and variant."""
    answer = client.invoke_endpoint(
        EndpointName="multi-model-endpoint",
        Body=chat(),
        ContentType="application/json",
        Accept="application/json",
        CustomAttributes="accept_eula=true  x",
        InferenceId="1",
        SessionId="NEW_SESSION",
        TargetModel="a b/c",
    )
    assert b'"Hello wide world"' in answer["Body"].read()
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("application/json", "AllTraffic")
    (entry,) = emulator.requests
    assert (entry.path, entry.status, entry.body) == ("/endpoints/multi-model-endpoint/invocations", 200, chat())


@pytest.mark.parametrize(
    "endpoint",
    [
        *("chat", "chat--frame1", "chat--frame7--write3", "chat--events2--chunk3", "chat--utf8--empty--unknown"),
        *("chat--delay1", "chat--write1"),
    ],
)
def test_invoke_endpoint_with_response_stream(endpoint, client, emulator, chat) -> None:
    """However frames and writes are cut, AWS's client reads the container's stream."""
    body = chat("Grüße 😀 an alle", stream=True, stream_options={"include_usage": True})
    received = streamed(client, endpoint, body)
    assert received.startswith(b'data: {"id":"chatcmpl-')
    assert received.endswith(b"data: [DONE]\n\n")
    assert " an" in received.decode()
    assert b'"usage":{' in received
    (entry,) = emulator.requests
    assert entry.frames_sent > 0
    assert entry.finished


def test_embeddings(client) -> None:
    """AWS's client gets a vector for each text from an embedding container, on both operations the same."""
    body = b'{"texts": ["Hello wide world", "again"], "input_type": "search_document"}'
    answer = client.invoke_endpoint(EndpointName="cohere", Body=body, ContentType="application/json")
    vectors = [vector("Hello wide world"), vector("again")]
    assert json.loads(answer["Body"].read())["embeddings"] == vectors
    assert answer["ContentType"] == "application/json"
    assert json.loads(streamed(client, "cohere--frame7", body))["embeddings"] == vectors
    with pytest.raises(client.exceptions.ModelError) as raised:
        client.invoke_endpoint(EndpointName="tei", Body=json.dumps({"inputs": ["x"] * 33}))
    assert raised.value.response["OriginalStatusCode"] == 413
    assert "maximum allowed batch size 32" in raised.value.response["OriginalMessage"]


@pytest.mark.parametrize("endpoint", ["chat", "chat--frame1", "jsonlines--utf8", "no-done--write5"])
def test_completions(endpoint, client) -> None:
    """AWS's client gets a legacy completion whole, and the same in a stream."""
    asked = {"prompt": ["Grüße 😀 an alle", "again"], "n": 2, "max_tokens": 3, "logprobs": 1}
    whole = client.invoke_endpoint(EndpointName=endpoint, Body=json.dumps(asked), ContentType="application/json")
    choices = json.loads(whole["Body"].read())["choices"]
    assert [choice["text"] for choice in choices] == ["Grüße 😀 an", "Grüße 😀 an", "again", "again"]
    lines = streamed(client, endpoint, json.dumps({**asked, "stream": True})).decode().split("\n")
    events = [line.removeprefix("data: ") for line in lines if line]
    assert ("[DONE]" in events) == endpoint.startswith("chat")
    texts = dict.fromkeys(range(4), "")
    for event in events:
        for part in json.loads(event)["choices"] if event != "[DONE]" else ():
            texts[part["index"]] += part["text"]
    assert list(texts.values()) == [choice["text"] for choice in choices]


def test_json_lines(client, chat) -> None:
    """The LMI container streams JSON lines under its own content type."""
    answer = client.invoke_endpoint_with_response_stream(EndpointName="jsonlines", Body=chat(stream=True))
    assert answer["ContentType"] == "application/jsonlines"
    assert b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"]).endswith(b"}\n\n")


@pytest.mark.parametrize(
    ("endpoint", "code", "status"),
    [
        ("throttle", "ThrottlingException", 400),
        ("model-error-400", "ModelError", 424),
        ("model-error-0", "ModelError", 424),
        ("not-ready", "ModelNotReadyException", 429),
        ("internal", "InternalFailure", 500),
        ("service-unavailable", "ServiceUnavailable", 503),
        ("unavailable", "503", 503),
        ("dependency", "InternalDependencyException", 530),
        ("too-large", "RequestEntityTooLargeException", 413),
        ("no-capacity", "ValidationError", 400),
        ("component-missing", "ValidationError", 400),
        ("missing", "ValidationError", 400),
        ("forbidden-expired", "ExpiredTokenException", 403),
        ("forbidden-access", "AccessDeniedException", 403),
    ],
)
def test_awss_client_raises(endpoint, code, status, client, chat) -> None:
    """Each answer becomes the exception that AWS's client has for it, on both operations."""
    for operation in (client.invoke_endpoint, client.invoke_endpoint_with_response_stream):
        with pytest.raises(client.exceptions.ClientError) as raised:
            operation(EndpointName=endpoint, Body=chat())
        error = raised.value.response
        assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
        assert type(raised.value).__name__ in {code, "ClientError"}
        assert (type(raised.value).__name__ == code) == (code in MODELLED)
        if code == "ModelError":
            assert error["OriginalStatusCode"] == int(endpoint.removeprefix("model-error-"))
            assert error["LogStreamArn"].startswith("arn:aws:logs:us-east-1:")


@pytest.mark.parametrize(
    ("endpoint", "error", "text"),
    [
        ("exception-first", EventStreamError, "ModelStreamError"),
        ("exception-midstream", EventStreamError, "ModelStreamError"),
        ("internal-stream-failure", EventStreamError, "InternalStreamFailure"),
        ("error-frame", EventStreamError, "InternalError"),
        ("bad-crc", ChecksumMismatch, "Checksum"),
        ("bad-prelude", ChecksumMismatch, "Checksum"),
        ("cut-midstream", (ProtocolError, ResponseStreamingError), "ended prematurely|broken"),
        ("reset-midstream", (ProtocolError, ResponseStreamingError), "reset|broken"),
        ("reset", ConnectionClosedError, "closed before"),
    ],
)
def test_awss_client_meets_a_broken_stream(endpoint, error, text, client, chat) -> None:
    """Exceptions in the stream, wrong checksums and broken connections are what AWS's client takes them for."""
    with pytest.raises(error, match=text):
        streamed(client, endpoint, chat(stream=True))


@pytest.mark.parametrize("endpoint", ["truncated", "eof-midframe"])
def test_awss_client_does_not_notice_truncation(endpoint, client, chat) -> None:
    """A clean HTTP end in the middle is silent for AWS's client: the reason why a gateway must look itself."""
    received = streamed(client, endpoint, chat(stream=True))
    assert b"wide" in received
    assert b"[DONE]" not in received


@pytest.mark.parametrize(
    ("signer", "message"),
    [
        ({"credentials": Credentials(TEST_CREDENTIALS.access_key, "wrong")}, "does not match"),
        ({"credentials": Credentials("AKIAUNKNOWN", "wrong")}, "security token included in the request is invalid"),
        ({"credentials": SESSION}, "security token included in the request is invalid"),
        ({"region": "eu-west-1"}, "valid region"),
    ],
)
def test_a_wrong_signer_is_refused(signer, message, emulator, connect, chat) -> None:
    """Another secret, key, token or region is a 403 for AWS's client, too."""
    client = connect(emulator, **signer)
    with pytest.raises(client.exceptions.ClientError, match=message) as raised:
        client.invoke_endpoint(EndpointName="e", Body=chat())
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize(("offset", "message"), [(600, "Signature expired"), (-600, "Signature not yet current")])
def test_a_skewed_clock_is_refused(offset, message, connect, chat) -> None:
    """Ten minutes off in either direction is too much."""
    with EmulatorThread(Emulator(clock=lambda: time.time() + offset)) as skewed:
        client = connect(skewed)
        with pytest.raises(client.exceptions.ClientError, match=message):
            client.invoke_endpoint(EndpointName="e", Body=chat())


def tamper(request, **_):
    """Change the body after it was signed."""
    request.body = request.body.replace(b"wide", b"wise")


def smuggle(request, **_):
    """Add an x-amz header after signing."""
    request.headers["x-amz-target"] = "other"


@pytest.mark.parametrize(("change", "message"), [(tamper, "does not match"), (smuggle, "not signed: x-amz-target")])
def test_a_request_changed_on_the_way_is_refused(change, message, client, chat) -> None:
    """The signature covers the body, and every x-amz header must be under it."""
    client.meta.events.register("before-send.sagemaker-runtime.InvokeEndpoint", change)
    with pytest.raises(client.exceptions.ClientError, match=message):
        client.invoke_endpoint(EndpointName="e", Body=chat())


def test_session_credentials_are_accepted(connect, chat) -> None:
    """Keys with a token are served when the token comes with them, beside other keys."""
    other = Credentials("AKIAOTHER", "other-secret")
    with EmulatorThread(Emulator(credentials=[SESSION, other])) as emulator:
        for credentials in (SESSION, other):
            answer = connect(emulator, credentials=credentials).invoke_endpoint(EndpointName="e", Body=chat())
            assert b"Hello wide world" in answer["Body"].read()


def test_faults_in_process(emulator, client, chat) -> None:
    """A test sets faults without HTTP; one for every endpoint, twice, then all is well."""
    emulator.fault("*", "model-error-503", times=2)
    for name in ("a", "b"):
        with pytest.raises(client.exceptions.ModelError):
            client.invoke_endpoint(EndpointName=name, Body=chat())
    assert client.invoke_endpoint(EndpointName="a", Body=chat())["Body"].read()
    assert [entry.kind for entry in emulator.requests] == ["model-error", "model-error", "chat"]


def test_a_taken_port_is_an_error(emulator) -> None:
    """A second emulator on the same port fails to start and leaves no thread behind."""
    before = threading.active_count()
    with pytest.raises(OSError, match="in use"), EmulatorThread(Emulator(port=emulator.port)):
        pytest.fail("it started")
    assert threading.active_count() == before


def test_reset_returns_to_the_start() -> None:
    """Faults given at the start come back whole, others go."""
    emulator = Emulator(faults=[Fault("e", "throttle", 2)])
    emulator.runtime.faults[0].times = 1
    emulator.fault("*", "reset")
    emulator.reset()
    assert emulator.runtime.faults == [Fault("e", "throttle", 2)]


@pytest.mark.parametrize(
    ("endpoint", "kind", "times"), [("e", "no", None), ("e", "reset", 0), ("e", "reset", "2"), (1, "reset", None)]
)
def test_wrong_faults_are_refused(endpoint, kind, times) -> None:
    """A kind that does not exist, or a number that is none, is an error at once."""
    with pytest.raises(ValueError, match=r"kind|times"):
        Emulator().fault(endpoint, kind, times=times)


def test_in_an_event_loop() -> None:
    """The emulator runs in a test's own loop, on a free port, and leaves nothing behind."""

    async def run() -> tuple[str, int, int]:
        async with Emulator(region="eu-west-1") as emulator:
            reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
            writer.write(b"GET /emulator/health HTTP/1.1\r\nhost: a\r\n\r\n")
            line = (await reader.readline()).decode()
            held = len(emulator.connections)
        assert await reader.read() is not None
        writer.close()
        await asyncio.sleep(0)
        return line, held, len(emulator.connections)

    line, held, left = asyncio.run(run())
    assert line.startswith("HTTP/1.1 200")
    assert (held, left) == (1, 0)


def test_over_tls(connect, chat, tmp_path) -> None:
    """With a certificate AWS's client is served over TLS, streams included."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(key), "-out", str(certificate), "-days", "1", "-subj", "/CN=emulator"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with EmulatorThread(Emulator(tls=context)) as emulator:
        assert emulator.url.startswith("https://")
        client = connect(emulator, verify=str(certificate))
        assert streamed(client, "chat", chat(stream=True)).endswith(b"data: [DONE]\n\n")
        with pytest.raises(ConnectionClosedError):
            client.invoke_endpoint(EndpointName="reset", Body=chat())
