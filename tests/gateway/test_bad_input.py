"""What no well-behaved client sends, through a real Envoy: a right answer and an audit line for each."""

import json
import socket
import time

import pytest

OK = {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}


def deep(levels: int) -> bytes:
    """A request with an array so many levels deep."""
    return b'{"model":"chat","messages":[{"role":"user","content":"hello"}],"x":' + b"[" * levels + b"]" * levels + b"}"


def body(**fields: object) -> bytes:
    """A good request with some fields changed."""
    return json.dumps({**OK, **fields}).encode()


MALFORMED = {
    "not JSON": b"hello",
    "empty": b"",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"chat"',
    "cut JSON": b'{"model":"chat","messages":[{"role":"us',
    "NaN": b'{"model":"chat","messages":[{"role":"user","content":"x"}],"temperature":NaN}',
    "invalid UTF-8": b'{"model":"chat","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "a raw NUL": b'{"model":"chat","messages":[{"role":"user","content":"a\x00b"}]}',
    "a lone surrogate": b'{"model":"chat","messages":[{"role":"user","content":"\\ud800"}]}',
    "very deep": deep(100_000),
    "no model": json.dumps({"messages": OK["messages"]}).encode(),
    "model a number": body(model=7),
    "no messages": json.dumps({"model": "chat"}).encode(),
    "messages empty": body(messages=[]),
    "messages null": body(messages=None),
    "messages a string": body(messages="hello"),
    "a message a string": body(messages=["hello"]),
    "no role": body(messages=[{"content": "hello"}]),
    "role a number": body(messages=[{"role": 1, "content": "hello"}]),
    "content a number": body(messages=[{"role": "user", "content": 5}]),
    "a part a string": body(messages=[{"role": "user", "content": ["hello"]}]),
    "stream a string": body(stream="yes"),
    "n zero": body(n=0),
    "max_tokens a string": body(max_tokens="many"),
    "temperature a list": body(temperature=[]),
    "tools an object": body(tools={}),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_told_what_is_wrong(enterprise, regions, name):
    """400 invalid_request_error with a message; nothing goes to AWS; one audit line."""
    regions[0].reset()
    answer = enterprise.http().post("/v1/chat/completions", content=MALFORMED[name])
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert len(error["message"]) > 10
    assert not regions[0].requests()
    line = enterprise.audited(answer.headers["x-request-id"])
    assert (line["outcome"], line["status"]) == ("rejected", 400)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_30_mb_is_too_large(enterprise, chunked):
    """413 request_too_large in OpenAI's shape, whether the length is announced or not, and an audit line."""
    data = b'{"model":"chat","messages":[{"role":"user","content":"' + b"a" * 30_000_000 + b'"}]}'
    answer = enterprise.http().post("/v1/chat/completions", content=iter([data]) if chunked else data)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "request_too_large"
    line = enterprise.audited(answer.headers["x-request-id"])
    assert (line["outcome"], line["status"]) == ("rejected", 413)


def test_a_body_of_20_mb_is_judged_and_replayed_whole(gateways, regions, launch):
    """Under the limit nothing is lost: the second region gets every byte, signed, after the first failed."""
    targets = launch.target("one", regions[0], "internal", model="m") + launch.target(
        "two", regions[1], "chat", model="m"
    )
    gateway = gateways(launch.pack(targets))
    regions[1].reset()
    text = "word " * 4_000_000
    answer = gateway.http().post(
        "/v1/chat/completions",
        json={
            "model": "m",
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 3,
            "emulator": {"text": "ok"},
        },
    )
    assert answer.status_code == 200, answer.text[:300]
    assert regions[1].requests()[-1]["body_length"] > 20_000_000


def test_ten_thousand_messages_are_judged(enterprise):
    """Every one of them: an address in one in the middle does not reach the model."""
    messages = [{"role": "user", "content": f"message {number}"} for number in range(10_000)]
    messages[5000]["content"] = "mail bob@example.com"
    answer = enterprise.http().post("/v1/chat/completions", json={"model": "chat", "messages": messages})
    assert answer.status_code == 200, answer.text
    line = enterprise.audited(answer.headers["x-request-id"])
    assert [finding["entity"] for finding in line["findings"]] == ["EMAIL"]


def test_what_is_forwarded_is_what_was_judged(enterprise, regions):
    """Of duplicate keys the last is judged, and it alone is forwarded."""
    regions[0].reset()
    data = (
        b'{"model":"chat","messages":[{"role":"user","content":"mail bob@example.com"}],'
        b'"messages":[{"role":"user","content":"hello","content":"hello eve@example.com"}]}'
    )
    answer = enterprise.http().post("/v1/chat/completions", content=data)
    assert answer.json()["choices"][0]["message"]["content"] == "hello [EMAIL_REDACTED]"
    assert regions[0].requests()[-1]["body"].count("messages") == 1
    assert "@" not in regions[0].requests()[-1]["body"]


@pytest.mark.parametrize(
    "model", ["chat\r\nx-evil: 1", "chat\u0000", "../../admin", "chat/../../x", "a" * 10_000, "chät"]
)
def test_a_model_name_cannot_inject_anything(enterprise, regions, model):
    """Line feeds, paths and lengths in `model` find no target, and come back in no header."""
    regions[0].reset()
    answer = enterprise.http().post("/v1/chat/completions", json={**OK, "model": model})
    assert answer.status_code in (400, 404)
    assert "x-evil" not in answer.headers
    assert not regions[0].requests()


def test_a_compressed_body_is_refused_with_a_reason(enterprise):
    """What cannot be judged is not forwarded."""
    answer = enterprise.http().post("/v1/chat/completions", content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_an_upload_that_stops_is_ended_and_audited(enterprise):
    """A chunked upload whose client leaves half-way leaves an audit line that says aborted."""
    before = len(enterprise.audit())
    with socket.create_connection(("127.0.0.1", enterprise.port)) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: kt\r\ntransfer-encoding: chunked\r\n\r\n"
            b'20\r\n{"model":"chat","messages":[{"ro\r\n'
        )
        time.sleep(0.3)
    for _ in range(200):
        lines = enterprise.audit()[before:]
        if [line for line in lines if line.get("outcome") == "aborted" and line["status"] == 499]:
            return
        time.sleep(0.05)
    raise AssertionError(lines)


def test_a_client_gone_before_the_answer_is_audited(enterprise, answer):
    """The line says aborted, with the target's work cut short."""
    payload = json.dumps({**OK, "emulator": answer("late", delay_ms=1500)}).encode()
    before = len(enterprise.audit())
    with socket.create_connection(("127.0.0.1", enterprise.port)) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: kt\r\ncontent-length: %d\r\n\r\n%s" % (len(payload), payload)
        )
        time.sleep(0.5)
    for _ in range(200):
        lines = enterprise.audit()[before:]
        if [line for line in lines if line.get("outcome") == "aborted" and line.get("model") == "chat"]:
            return
        time.sleep(0.05)
    raise AssertionError(lines)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: kt\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: kt\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
    ids=["no host", "smuggling", "no HTTP", "headers too large"],
)
def test_a_request_that_envoy_itself_refuses_is_in_openai_shape_and_audited(enterprise, request_bytes):
    """No worker ever sees these; the supervisor audits them from Envoy's log."""
    before = len(enterprise.audit())
    with socket.create_connection(("127.0.0.1", enterprise.port)) as connection:
        connection.sendall(request_bytes)
        connection.settimeout(20)
        received = b""
        while piece := connection.recv(65536):
            received += piece
            if b"\r\n\r\n" in received and b"}" in received:
                break
    head, _, content = received.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    assert 400 <= status < 500
    assert json.loads(content)["error"]["type"] == "invalid_request_error"
    for _ in range(300):
        lines = [line for line in enterprise.audit()[before:] if line["status"] == status]
        if lines:
            assert lines[0]["outcome"] == "rejected"
            return
        time.sleep(0.05)
    raise AssertionError(enterprise.audit()[before:])
