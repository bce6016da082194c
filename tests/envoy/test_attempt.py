"""attempt.lua in a real Envoy: what each attempt sends, which answers are tried elsewhere, what the worker is told."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.envoy


def model_error(original: int, **extra: object) -> bytes:
    """SageMaker's 424 around a container's error."""
    body = {"ErrorCode": "CLIENT_ERROR_FROM_MODEL", "OriginalStatusCode": original, "OriginalMessage": "x", **extra}
    return json.dumps(body).encode()


def aws(status: int, error_type: str, body: bytes = b"{}"):
    """An answer as AWS's front door words it."""
    headers = (("content-type", "application/json"), ("x-amzn-ErrorType", error_type))
    return {"status": status, "headers": headers, "body": body}


NO_CAPACITY = (
    b'{"message":"Inference Component has no capacity to process this request. ApplicationAutoScaling may be"}'
)


def openai(code: str, message: str) -> bytes:
    """An error body of SageMaker's OpenAI route; the message is JSON already."""
    return f'{{"error":{{"message":"{message}","type":"server_error","code":"{code}"}}}}'.encode()


RETRIED = {
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503},
    "504": {"status": 504},
    "530 dependency": aws(530, "InternalDependencyException"),
    "429 not ready": aws(429, "ModelNotReadyException"),
    "408 request timeout": aws(408, "RequestTimeoutException"),
    "throttled": aws(400, "ThrottlingException", b'{"message":null}'),
    "throttled, long type": aws(400, "ThrottlingException:http://internal.amazon.com/coral/com.amazon.coral/"),
    "throttled, no header": {"status": 400, "body": b'{"__type":"com.amazon#ThrottlingException"}'},
    "424 of 429": aws(424, "ModelError", model_error(429)),
    "424 of 500": aws(424, "ModelError", model_error(500)),
    "424 of 503, spaced": aws(424, "ModelError", b'{"OriginalStatusCode" : 503}'),
    "424 of 507": aws(424, "ModelError", model_error(507)),
    "no such endpoint": aws(400, "ValidationError", b'{"ErrorCode":"NO_SUCH_ENDPOINT","Message":"Endpoint x"}'),
    "scaled to zero": aws(400, "ValidationError", NO_CAPACITY),
    "component missing": aws(400, "ValidationError", b'{"ErrorCode":"INFERENCE_COMPONENT_NAME_MISSING"}'),
    "component not allowed": aws(
        400, "ValidationError", b'{"message":"Inference Component Name header is not allowed"}'
    ),
    "expired token": aws(403, "ExpiredTokenException"),
    "unknown key": aws(403, "UnrecognizedClientException"),
    "invalid key": aws(403, "InvalidClientTokenId"),
    "access denied": aws(403, "AccessDeniedException"),
    "clock skew": aws(403, "InvalidSignatureException", b'{"message":"Signature expired: 20260101T000000Z is now"}'),
    "reset before headers": {"fault": "reset"},
    "openai route, no endpoint": {
        "status": 400,
        "body": openai("validation_error", "Endpoint x of account 1 not found."),
    },
    "openai route, token refused": {"status": 401, "body": openai("invalid_token", "The token has expired")},
    "openai route, token forbidden": {"status": 403, "body": openai("access_denied", "not authorized")},
    "openai route, 424 of 503": {"status": 424, "body": openai("model_error", "Received server error (503) (400)")},
    "401 without a word": {"status": 401},
}

FINAL = {
    "200": {"status": 200},
    "302": {"status": 302, "headers": (("location", "http://127.0.0.1:1/"),)},
    "openai route, of the container": {
        "status": 400,
        "body": openai("model_error", 'Received client error (400) \\"x'),
    },
    "openai route, a quoted code": {
        "status": 400,
        "body": openai("model_error", '\\"code\\":\\"validation_error\\" Endpoint x of account 1 not found'),
    },
    "openai route, 403 of the container": {"status": 403, "body": openai("model_error", "Received client error (403)")},
    "openai route, 401 of the container": {"status": 401, "body": openai("model_error", "Received client error (401)")},
    "openai route, 424 of 400": {"status": 424, "body": openai("model_error", "Received client error (400) (500)")},
    "openai route, invalid": {"status": 400, "body": openai("validation_error", "bad")},
    "400 of the container": {"status": 400, "body": b'{"error":{"message":"bad"}}'},
    "validation": aws(400, "ValidationError", b'{"ErrorCode":"VALIDATION","Message":"1 validation error"}'),
    "404": aws(404, "UnknownOperationException"),
    "413": aws(413, "RequestEntityTooLargeException"),
    "424 of 400": aws(424, "ModelError", model_error(400)),
    "424 of 404": aws(424, "ModelError", model_error(404)),
    "424 of 422": aws(424, "ModelError", model_error(422)),
    "424 of 0, timed out": aws(424, "ModelError", model_error(0)),
    "424 without original": aws(424, "ModelError", b"{}"),
    "424 that quotes a status": aws(424, "ModelError", model_error(400, OriginalMessage='"OriginalStatusCode":500')),
    "bad signature": aws(403, "InvalidSignatureException", b'{"message":"The request signature does not match"}'),
    "no signature": aws(403, "MissingAuthenticationTokenException"),
    "forged mark": {"status": 400, "headers": (("x-kt-retriable", "1"),)},
    "forged trap": {"status": 400, "headers": (("x-kt-trap", "1"),)},
}


@pytest.mark.parametrize("answer", RETRIED.values(), ids=RETRIED)
def test_the_next_target_is_tried(pair, answer):
    """What another target may be spared is tried there, with that target's own path, host and signature."""
    east, west = pair.upstreams.values()
    east.answer = pair.answer(**answer)
    reply = pair.post()
    assert (reply.status, reply.body) == (200, b"west")
    assert len(east.received) == len(west.received) == 1
    assert west.received[0].header("authorization") == "AWS4-HMAC-SHA256 for west"
    assert west.received[0].header("host") == "runtime.west.example"
    assert west.received[0].path == "/endpoints/west/invocations"
    assert [outcome["target"] for outcome in pair.outcomes()] == ["east", "west"]


# What of RETRIED is no server error; what a new signature may cure, the triggers have no say in.
RATE_LIMITS = {"429 not ready", "424 of 429", "throttled", "throttled, long type", "throttled, no header"}
TIMEOUTS = {"504", "408 request timeout"}
CURED = {
    *("expired token", "unknown key", "invalid key", "clock skew"),
    *("openai route, token refused", "401 without a word"),
}


@pytest.mark.parametrize("name", RETRIED)
@pytest.mark.parametrize("trigger", ["rate_limit", "server_error", "timeout"])
def test_a_plan_goes_on_from_what_its_triggers_name(pair, name, trigger):
    """With one trigger in the plan, only the failures of that name reach the next target."""
    east, west = pair.upstreams.values()
    east.answer = pair.answer(**RETRIED[name])
    pair.more_plan = {"triggers": {trigger: True}}
    kind = "rate_limit" if name in RATE_LIMITS else "timeout" if name in TIMEOUTS else "server_error"
    goes_on = kind == trigger or name in CURED
    reply = pair.post()
    assert (reply.body == b"west", len(west.received)) == (goes_on, int(goes_on))
    assert goes_on or reply.status == RETRIED[name].get("status", 503)


@pytest.mark.parametrize(("triggers", "status"), [(("timeout",), 200), (("rate_limit", "server_error"), 504)])
def test_silence_is_a_timeout(pair, triggers, status):
    """An attempt without an answer in its time goes on only where timeouts do; it is not asked twice either."""
    east, west = pair.upstreams.values()
    east.answer = pair.answer(fault="hang")
    pair.request_headers = {"x-envoy-upstream-rq-per-try-timeout-ms": "200"}
    pair.more_plan = {"triggers": dict.fromkeys(triggers, True)}
    assert pair.post().status == status
    assert (len(east.received), len(west.received)) == (1, int(status == 200))


@pytest.mark.parametrize("header", ["retry-after", "x-amz-retry-after"])
def test_the_worker_is_told_how_long_a_target_wants_to_rest(pair, header):
    """Seconds, of the attempt that said so; what is no number is not told."""
    east, west = pair.upstreams.values()
    east.answer = pair.answer(status=429, headers=((header, "7"),))
    west.answer = pair.answer(status=429, headers=((header, "Fri, 31 Dec 1999 23:59:59 GMT"),))
    assert pair.post().status == 429
    assert [outcome.get("retry_after") for outcome in pair.outcomes()] == [7, None]


@pytest.mark.parametrize("answer", FINAL.values(), ids=FINAL)
def test_no_other_target_is_tried(pair, answer):
    """What would fail everywhere, is the caller's fault, or has cost its minute already, is answered at once."""
    east, west = pair.upstreams.values()
    east.answer = pair.answer(**answer)
    reply = pair.post()
    assert reply.status == answer.get("status", 200)
    assert len(east.received) == 1
    assert west.received == []
    assert not {"x-kt-retriable", "x-kt-trap"} & set(reply.headers)


def test_no_answer_in_time_is_tried_elsewhere(pair):
    """An attempt that brings no head within its time is given up for the next target."""
    east, _ = pair.upstreams.values()
    east.answer = pair.answer(fault="hang")
    pair.request_headers = {"x-envoy-upstream-rq-per-try-timeout-ms": "200"}
    assert pair.post().body == b"west"
    assert pair.outcomes()[0] == {"target": "east", "status": 0}


def test_an_error_whose_body_stalls_is_tried_elsewhere(pair):
    """A 424 whose body never comes to its end counts as no answer."""
    east, _ = pair.upstreams.values()
    east.answer = pair.answer(status=424, pieces=(b'{"OriginalSta', b"<stop>"))
    pair.request_headers = {"x-envoy-upstream-rq-per-try-timeout-ms": "200"}
    assert pair.post().body == b"west"


@pytest.mark.parametrize("size", [1, 2_000, 3_000_000])
def test_an_error_body_may_come_late_and_be_long(pair, size):
    """The original status is found behind a body of any size that arrives after the head."""
    east, _ = pair.upstreams.values()
    body = model_error(500, LogStreamArn="x" * size)
    east.answer = pair.answer(status=424, pieces=(body[:1], body[1:-20], body[-20:]))
    assert pair.post().body == b"west"
    assert pair.outcomes()[0]["original_status"] == 500


def test_the_worker_is_told_of_every_attempt(pair):
    """With the final answer's head the worker gets each attempt's target, status, AWS type, code, original status."""
    east, west = pair.upstreams.values()
    east.answer = pair.answer(**aws(400, "ThrottlingException:http://internal/", b'{"ErrorCode":"THROTTLED"}'))
    west.answer = pair.answer(**aws(424, "ModelError", model_error(503)))
    assert pair.post().status == 424
    assert pair.outcomes() == [
        {"target": "east", "status": 400, "error_type": "ThrottlingException", "error_code": "THROTTLED"},
        {
            "target": "west",
            "status": 424,
            "error_type": "ModelError",
            "error_code": "CLIENT_ERROR_FROM_MODEL",
            "original_status": 503,
        },
    ]
    assert pair.attributes() == {
        "xds.cluster_name": "west",
        "upstream.request_attempt_count": 2,
        "response.code_details": "via_upstream",
    }


def test_nothing_of_the_clients_goes_upstream(pair):
    """An attempt carries the planned headers and no others, whatever the client sent."""
    east, _ = pair.upstreams.values()
    mine = {"authorization": "Bearer sk-client", "cookie": "a=b", "x-amz-security-token": "forged", "accept": "*/*"}
    assert pair.post(headers=mine, path="/v1/chat/completions?x=1").status == 200
    assert sorted(east.received[0].headers) == [
        ("authorization", "AWS4-HMAC-SHA256 for east"),
        ("content-length", "17"),
        ("content-type", "application/json"),
        ("host", "runtime.east.example"),
        ("x-amz-date", "20260101T000000Z"),
    ]


def test_a_header_of_one_attempt_is_not_sent_with_the_next(pair, monkeypatch):
    """A session token of the first target's identity never reaches the second target."""
    plain = pair.attempt

    def attempt(name, body):
        return plain(name, body) | ({"x-amz-security-token": "of-east"} if name == "east" else {})

    monkeypatch.setattr(pair, "attempt", attempt)
    east, west = pair.upstreams.values()
    east.answer = pair.answer(status=503)
    pair.post()
    assert east.received[0].header("x-amz-security-token") == "of-east"
    assert west.received[0].header("x-amz-security-token") is None


@pytest.mark.parametrize("size", [0, 5, 70_000, 3_000_000])
def test_a_target_may_have_a_body_of_its_own(pair, size):
    """A target's own body replaces Envoy's for that attempt only; the next attempt gets Envoy's again."""
    own = '{"inputs":"ü"}' + " " * size
    pair.plan = ["east", "west", "east"]
    pair.bodies = {"west": own}
    east, west = pair.upstreams.values()
    east.script = [pair.answer(status=503)]
    west.answer = pair.answer(status=503)
    assert pair.post(b'{"model":"model"}').body == b"east"
    assert west.received[0].body == own.encode()
    assert west.received[0].header("content-length") == str(len(own.encode()))
    assert [received.body for received in east.received] == [b'{"model":"model"}'] * 2
    assert east.violations == west.violations == []


@pytest.mark.parametrize(
    "attempts",
    [
        {},
        {"elsewhere": "authorization: x\n"},
        {"east": {"authorization": "no text"}},
        {"east": ""},
        {"east": ":path: /unsigned\n"},
        {"east": "authorization: a body that is not there\nbody: 1\n"},
    ],
)
def test_an_unplanned_target_is_never_reached(pair, attempts):
    """A target for which the worker signed nothing usable gets no request, and the client a refusal."""

    def ask(message):
        answer = pair.ask(message)
        answer.dynamic_metadata["kt.attempts"] = attempts
        return answer

    pair.hooks["request_body"] = ask
    try:
        reply = pair.post()
    finally:
        pair.hooks["request_body"] = pair.ask
    assert reply.status == 503
    assert json.loads(reply.body)["error"]["type"] == "server_error"
    assert [upstream.received for upstream in pair.upstreams.values()] == [[], []]


@pytest.mark.parametrize(("allowed", "made"), [(0, 1), (1, 2), (2, 3)])
def test_no_more_attempts_than_planned(pair, allowed, made):
    """The worker's x-envoy-max-retries bounds the attempts of a request, below and above what the route says."""
    pair.plan = ["east", "west", "east"]
    for upstream in pair.upstreams.values():
        upstream.answer = pair.answer(status=503)
    pair.request_headers = {"x-envoy-max-retries": str(allowed)}
    assert pair.post().status == 503
    assert len(pair.outcomes()) == made


def test_fifty_failovers_at_once_all_succeed(pair):
    """Fifty requests whose first target throttles are all served by the second."""
    east, west = pair.upstreams.values()
    east.answer = pair.answer(**aws(400, "ThrottlingException"))
    replies = pair.posts(50)
    assert [reply.body for reply in replies] == [b"west"] * 50
    assert len(west.received) == 50
    assert west.violations == []


def test_the_worker_is_told_the_time_when_the_clock_is_wrong(pair):
    """The Date of an answer that says that the signature is too old or too young; of no other answer."""
    east, west = pair.upstreams.values()
    skewed = aws(403, "InvalidSignatureException", b'{"message":"Signature expired: 1 is now earlier than 2"}')
    date = ("date", "Tue, 15 Nov 2033 08:12:31 GMT")
    east.answer = pair.answer(**{**skewed, "headers": (*skewed["headers"], date)})
    west.answer = pair.answer(status=400, headers=(date,))
    assert pair.post().status == 400
    assert [outcome.get("date") for outcome in pair.outcomes()] == ["Tue, 15 Nov 2033 08:12:31 GMT", None]


def test_the_worker_is_told_the_code_of_the_openai_route(pair):
    """Where there is no AWS error type, the code of an OpenAI error stands for it."""
    east, west = pair.upstreams.values()
    east.answer = pair.answer(status=400, body=openai("validation_error", "Endpoint x of account 1 not found."))
    west.answer = pair.answer(status=500, body=b"")
    assert pair.post().status == 500
    assert pair.outcomes()[0] == {
        "target": "east",
        "status": 400,
        "error_type": "validation_error",
        "error_code": "NO_SUCH_ENDPOINT",
    }
