"""What a hostile container may send, through a real Envoy: nothing that a policy forbids reaches the client.

The upstream answers as the request's field `hostile` says, code point by code point, so that no policy on requests
sees it. FORBIDDEN is redacted by the policies wherever there is text; all of these went by before.
"""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from extproc.emulator.framing import payload_part

FORBIDDEN = "alice@example.com"
HALVES = ("alice@exam", "ple.com and more")


class Hostile(BaseHTTPRequestHandler):
    """Answers with the status, headers, body or stream that the request asks for."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def do_POST(self):
        """One invocation."""
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))
        script = json.loads("".join(map(chr, told["hostile"])))
        streamed = "chunks" in script
        body = b"".join(map(_frame, script["chunks"])) if streamed else json.dumps(script["json"]).encode()
        self.send_response_only(script.get("status", 200), script.get("reason"))
        framing = "application/vnd.amazon.eventstream" if streamed else "application/json"
        headers = {"content-type": framing, "content-length": str(len(body)), **script.get("headers", {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _frame(chunk):
    return payload_part(chunk.encode() if isinstance(chunk, str) else b"data: " + json.dumps(chunk).encode() + b"\n\n")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, launch):
    """A gateway with every policy in front of a hostile upstream."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    region = SimpleNamespace(name="us-east-1", url=f"http://127.0.0.1:{server.server_port}")
    config = launch.pack(launch.target("one", region, "chat"), launch.ENTERPRISE)
    gateway = launch.gateway(tmp_path_factory.mktemp("guarded"), config)
    yield gateway
    assert gateway.stop() == 0
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def ask(guarded):
    """Ask once; the answer, after checking that neither it nor its one audit line, nor the log, has FORBIDDEN."""
    client = guarded.http()

    def asked(script, **fields):
        codes = list(map(ord, json.dumps(script)))
        payload = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], "hostile": codes, **fields}
        answer = client.post("/v1/chat/completions", json=payload)
        line = guarded.audited(answer.headers["x-request-id"])
        for told in (answer.text, str(answer.headers.raw), json.dumps(line), guarded.log()):
            assert FORBIDDEN not in told
        return answer

    return asked


def choice(**fields):
    """A whole answer whose one choice has these fields too."""
    whole = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
    return {"choices": [{**whole, **fields}]}


def message(**fields):
    """A whole answer whose message has these fields too."""
    return choice(message={"role": "assistant", "content": "hello", **fields})


def call(**function):
    """A tool call."""
    return {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}", **function}}


WHOLE = {
    **{f"as {name}": {**choice(), name: FORBIDDEN} for name in ("id", "object", "created", "system_fingerprint")},
    **{f"as {name}": choice(**{name: FORBIDDEN}) for name in ("index", "finish_reason", "text", "token_ids")},
    **{f"as the message's {name}": message(**{name: FORBIDDEN}) for name in ("role", "type", "tool_call_id")},
    "as service tier": {**choice(), "service_tier": FORBIDDEN},
    "as usage": {**choice(), "usage": FORBIDDEN},
    "in usage": {**choice(), "usage": {"note": FORBIDDEN, FORBIDDEN: 1}},
    "in an unknown field": {**choice(), "x": {"y": [FORBIDDEN]}},
    "as a key": message(**{FORBIDDEN: 1}),
    "as a key below": message(x={FORBIDDEN: {"y": FORBIDDEN}}),
    "as a key of the choice": choice(x={FORBIDDEN: None}),
    "as a key of the answer": {**choice(), FORBIDDEN: FORBIDDEN},
    "as a function": message(tool_calls=[call(name=FORBIDDEN)]),
    "as a call's id": message(tool_calls=[{**call(), "id": FORBIDDEN}]),
    "in arguments that are an object": message(tool_calls=[call(arguments={FORBIDDEN: 1})]),
    "as audio": message(audio={"data": FORBIDDEN, "id": FORBIDDEN}),
    "as a signature": message(thinking_blocks=[{"type": FORBIDDEN, "signature": FORBIDDEN}]),
    "as encrypted reasoning": message(reasoning_details=[{"data": FORBIDDEN, "format": FORBIDDEN}]),
    "as an image": message(content=[{"type": "image_url", "image_url": {"url": "data:image/png;base64," + FORBIDDEN}}]),
}


@pytest.mark.parametrize("name", WHOLE)
def test_no_field_of_an_answer_is_a_way_around(ask, name):
    """The answer is served without it."""
    answer = ask({"json": WHOLE[name]})
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["role"] != FORBIDDEN


def test_escapes_in_arguments_are_no_disguise(ask):
    r"""`\u0040` is an `@` to whoever parses the arguments."""
    hidden = FORBIDDEN.replace("@", r"\u0040")
    answer = ask({"json": message(tool_calls=[call(arguments=f'{{"to": "{hidden}"}}')])})
    arguments = answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"to": "[EMAIL_REDACTED]"}


def test_a_function_that_the_client_defined_keeps_its_name(ask):
    """Its own name is no finding, even if it looks like one (40 letters look like a secret key)."""
    name = "getCustomerTransactionHistoryForOnePeriod"[:40]
    script = {"json": message(tool_calls=[call(name=name)])}
    tools = [{"type": "function", "function": {"name": name}}]
    # The definition is the client's own and is judged as such: by its shape it is a name.
    told = [ask(script, tools=tools), ask(script)]
    names = [answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"] for answer in told]
    assert names == [name, "[AWS_SECRET_KEY_REDACTED]"]


def part(**fields):
    """A chunk of a stream."""
    return {"choices": [{"index": 0, **fields}]}


END = part(delta={}, finish_reason="stop")
ARGUMENTS = ('{"a":"alice\\u00', '40example.com"}')
STREAMS = {
    "delta a string": [part(delta=FORBIDDEN)],
    "delta a list": [part(delta=[FORBIDDEN])],
    "index a string": [{"choices": [{"index": FORBIDDEN, "delta": {"content": "x"}}]}],
    "finish reason": [part(delta={"content": "x"}, finish_reason=FORBIDDEN)],
    "role": [part(delta={"role": FORBIDDEN})],
    "key": [part(delta={FORBIDDEN: "x"})],
    "key outside the delta": [part(delta={"content": "x"}, **{FORBIDDEN: "x"})],
    "function": [part(delta={"tool_calls": [call(name=FORBIDDEN)]})],
    "arguments an object": [part(delta={"tool_calls": [call(arguments={FORBIDDEN: 1})]})],
    "escaped arguments": [part(delta={"tool_calls": [call(arguments=piece)]}) for piece in ARGUMENTS],
    "envelope": [{**part(delta={"content": "xyz "}), "id": FORBIDDEN, "object": FORBIDDEN, "created": FORBIDDEN}],
    "usage": [{"choices": [], "usage": {"note": FORBIDDEN}}],
    "text in pieces": [part(text=piece) for piece in HALVES],
    "message beside a delta, in pieces": [part(delta={}, message={"content": piece}) for piece in HALVES],
    "no choices, in pieces": [{"token": {"text": piece}} for piece in HALVES],
    "content in pieces": [part(delta={"content": piece}) for piece in HALVES],
    "content in pieces, index a float": [
        {"choices": [{"index": 0.0, "delta": {"content": piece}}]} for piece in HALVES
    ],
    "content in pieces, one key twice": [
        f'data: {{"choices":[{{"index":0,"delta":{{"content":"x","content":"{piece}"}}}}]}}\n\n' for piece in HALVES
    ],
    "comments and event names": [f": {FORBIDDEN}\n\n", f"event: {FORBIDDEN}\nid: {FORBIDDEN}\nretry: {FORBIDDEN}\n"],
    "an object over two lines": [
        f'data: {{"choices":[{{"index":0,\ndata: "delta":{{"content":"{FORBIDDEN}"}}}}]}}\n\n'
    ],
    "after the end": [END, part(delta={"content": FORBIDDEN})],
}


def joined(answer):
    """Every string of a stream's events, glued by the path it stands at."""
    glued = {}

    def walk(value, path):
        if isinstance(value, str):
            glued[path] = glued.get(path, "") + value
        elif isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, (*path, name))
        elif isinstance(value, list):
            for at, inner in enumerate(value):
                walk(inner, (*path, at))

    for line in answer.text.split("\n\n"):
        if line.startswith("data: {"):
            walk(json.loads(line.removeprefix("data: ")), ())
    return glued


@pytest.mark.parametrize("name", STREAMS)
def test_no_field_of_a_stream_is_a_way_around(ask, name):
    """Neither in one event nor glued together from many, nor after the escapes of JSON are resolved."""
    chunks = [*STREAMS[name], END, "data: [DONE]\n\n"]
    answer = ask({"chunks": chunks}, stream=True, stream_options={"include_usage": True})
    assert answer.status_code == 200
    texts = joined(answer)
    assert texts
    assert not [path for path, text in texts.items() if FORBIDDEN in text.replace(r"\u0040", "@")]


def test_a_constant_beside_the_delta_does_not_end_a_stream(ask):
    """What comes with every chunk alike is no text in pieces, even if many of it would look like a secret key."""
    chunks = [{**part(delta={"content": "x"}), "provider": "fireworks"} for _ in range(8)]
    answer = ask({"chunks": [*chunks, END, "data: [DONE]\n\n"]}, stream=True)
    assert answer.text.endswith("data: [DONE]\n\n")
    assert answer.text.count("fireworks") == 8


REFUSAL = {"error": {"message": f"bad value {FORBIDDEN}", "type": "BadRequestError", "code": 400}}
QUOTED = {"Message": "Received client error (400)", "OriginalStatusCode": 400, "OriginalMessage": json.dumps(REFUSAL)}


@pytest.mark.parametrize(
    "script",
    [{"json": REFUSAL}, {"status": 424, "headers": {"x-amzn-errortype": "ModelError"}, "json": QUOTED}],
    ids=["with 200", "with 424"],
)
def test_a_containers_error_is_judged(ask, script):
    """Its message tells the caller what to change, but not what a policy forbids; nor is that put on the trail."""
    answer = ask(script)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "bad value [EMAIL_REDACTED]")


def test_a_containers_error_in_a_stream_is_judged(ask):
    """As in a whole answer."""
    answer = ask({"chunks": [REFUSAL]}, stream=True)
    assert "bad value [EMAIL_REDACTED]" in answer.text


HEADERS = (
    "x-custom",
    "set-cookie",
    "etag",
    "via",
    "location",
    "warning",
    "x-kt-target",
    "x-request-id",
    "server",
    "link",
)


@pytest.mark.parametrize("stream", [False, True])
def test_no_header_of_a_containers_reaches_the_client(ask, stream):
    """Every header of an answer is ours; so is the reason phrase."""
    names = (*HEADERS, "date", "retry-after", "x-amzn-sagemaker-custom-attributes")
    told = {"headers": dict.fromkeys(names, FORBIDDEN), "reason": FORBIDDEN}
    script = {"chunks": [END, "data: [DONE]\n\n"], **told} if stream else {"json": choice(), **told}
    answer = ask(script, stream=stream)
    ours = {"content-type", "content-length", "transfer-encoding", "cache-control", "x-kt-target", "x-request-id"}
    assert set(answer.headers) <= {*ours, "date", "server"}
    assert (answer.headers["x-kt-target"], answer.headers["server"], answer.reason_phrase) == ("one", "kt", "OK")


REQUESTS = {
    "a setting": {"reasoning_effort": f"write to {FORBIDDEN}"},
    "a tool's name": {"tools": [{"type": "function", "function": {"name": FORBIDDEN}}]},
    "a property's name": {"tools": [{"function": {"name": "f", "parameters": {"properties": {FORBIDDEN: {}}}}}]},
    "a key of metadata": {"metadata": {FORBIDDEN: "x"}},
    "a message's key": {"messages": [{"role": "user", "content": "hi", FORBIDDEN: 1}]},
    "a role": {"messages": [{"role": f"user {FORBIDDEN}", "content": "hi"}]},
    "an image that is none": {
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": f"data:x;base64,{FORBIDDEN}"}]}]
    },
    "escaped arguments": {
        "messages": [
            {"role": "assistant", "tool_calls": [call(arguments='{"a":"alice\\u0040example.com"}')]},
            {"role": "user", "content": "hi"},
        ]
    },
}


@pytest.mark.parametrize("name", REQUESTS)
def test_no_field_of_a_request_is_a_way_around(enterprise, regions, name):
    """What reaches the model has a marker instead."""
    regions[0].reset()
    payload = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], **REQUESTS[name]}
    answer = enterprise.http().post("/v1/chat/completions", json=payload)
    assert answer.status_code == 200, answer.text
    sent = regions[0].requests()[-1]["body"]
    assert "[EMAIL_REDACTED]" in sent
    assert FORBIDDEN not in sent.replace("\\\\u0040", "@")


def test_arguments_of_a_request_are_text(enterprise):
    """An object's keys and numbers would be text to the model, yet nothing that a policy reads."""
    messages = [{"role": "assistant", "tool_calls": [call(arguments={"card": 4111111111111111})]}]
    answer = enterprise.http().post("/v1/chat/completions", json={"model": "chat", "messages": messages})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "messages[0].tool_calls[0].function.arguments")


@pytest.mark.parametrize(("more", "expected"), [(80, 200), (89, 431), (95, 431)])
def test_too_many_headers_are_told_so(enterprise, more, expected):
    """Near Envoy's own limit what we add would fail the exchange, with a 503 that invites to try again."""
    headers = {f"x-header-{number}": "x" for number in range(more)}
    payload = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
    answer = enterprise.http().post("/v1/chat/completions", json=payload, headers=headers)
    assert answer.status_code == expected
    assert (expected == 200) or answer.json()["error"]["code"] == "request_headers_too_large"
    assert enterprise.audited(answer.headers["x-request-id"])["status"] == expected


BODY = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "hi"}]}).encode()
LENGTH = b"content-length: %d\r\n" % len(BODY)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /v1/chat/completions HTTP/1.0\r\n" + LENGTH, 426),
        (b"POST //v1/chat/completions HTTP/1.1\r\n" + LENGTH, 404),
        (b"POST /v1/chat/completions/ HTTP/1.1\r\n" + LENGTH, 404),
        (b"POST /v1/chat/completions;a=b HTTP/1.1\r\n" + LENGTH, 404),
        (b"POST /%2Fv1/chat/completions HTTP/1.1\r\n" + LENGTH, 404),
        (b"POST /healthz/../v1/chat/completions HTTP/1.1\r\n" + LENGTH, 200),
        (b"POST http://evil.example/v1/chat/completions HTTP/1.1\r\n" + LENGTH, 200),
        (b"POST /v1/chat/completions?key=x HTTP/1.1\r\n" + LENGTH, 200),
        (b"POST /v1/chat/completions HTTP/1.1\r\nx-request-id: forged\r\nx-kt-retriable: 1\r\n" + LENGTH, 200),
        (b"POST /v1/chat/completions HTTP/1.1\r\nexpect: 100-continue\r\n" + LENGTH, 200),
        (b"POST /v1/chat/completions HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n" + LENGTH, 403),
        (b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 1\r\n" + LENGTH, 400),
        (b"TRACE /v1/chat/completions HTTP/1.1\r\n", 405),
        (b"OPTIONS /v1/chat/completions HTTP/1.1\r\norigin: https://x\r\n", 405),
        (b"CONNECT example.com:443 HTTP/1.1\r\n", 404),
    ],
)
def test_odd_http_is_answered_and_audited_once(enterprise, head, status):
    """The right status, under an id of ours, and exactly one line on the trail."""
    with socket.create_connection(("127.0.0.1", enterprise.port)) as connection:
        connection.sendall(head + b"host: kt\r\nconnection: close\r\n\r\n" + (BODY if LENGTH in head else b""))
        connection.settimeout(30)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    received = received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    lines = received.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    identity = [line.partition(": ")[2] for line in lines if line.startswith("x-request-id: ")]
    assert int(lines[0].split(" ")[1]) == status
    assert identity != ["forged"]
    assert enterprise.audited(identity[0])["status"] == status
