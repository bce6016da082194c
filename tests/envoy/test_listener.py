"""What clients of the rendered listener see, and what Envoy's log holds, when no model is at fault."""

from __future__ import annotations

import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc.config.runtime import Limits

pytestmark = pytest.mark.envoy


def test_a_body_over_the_limit_is_an_openai_error(rig):
    """Envoy's own 413 is the error that OpenAI clients know."""
    rig.upstream("east")
    rig.start(limits=Limits(max_body_bytes=1_000_000, max_response_bytes=1_000_000))
    reply = rig.post(b"x" * 3_000_000)
    assert reply.status == 413
    assert (reply.error["type"], reply.error["code"]) == ("invalid_request_error", "request_too_large")


@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_over_the_limit_fails_at_once(rig, chunked):
    """An answer over max_response_bytes is a 502 at once (BUFFERED asked for by mode_override would hang instead)."""
    east = rig.upstream("east")
    big = {"pieces": (b"x" * 100_000,) * 60} if chunked else {"body": b"x" * 6_000_000}
    east.answer = rig.answer(**big)
    rig.start(limits=Limits(max_body_bytes=1_000_000, max_response_bytes=1_000_000))
    reply = rig.post()
    assert reply.status == 502
    assert reply.error["code"] == "model_error"


def test_a_worker_can_set_status_and_headers_of_a_whole_answer(rig):
    """In its answer to a whole body a worker may set the status and everything that its contract needs."""
    rig.upstream("east")
    wanted = {
        ":status": "502",
        "content-length": "2",
        "content-type": "application/json",
        "cache-control": "no-cache",
        "retry-after": "3",
        "x-should-retry": "false",
        "x-kt-target": "east",
    }

    def rewrite(_):
        answer = pb.ProcessingResponse(response_body=pb.BodyResponse())
        answer.response_body.response.body_mutation.body = b"{}"
        rig.set_headers(answer.response_body.response.header_mutation, wanted)
        return answer

    rig.hooks["response_body"] = rewrite
    rig.start()
    reply = rig.post()
    assert reply.status == 502
    assert wanted.items() - reply.headers.items() == {(":status", "502")}


@pytest.mark.parametrize("phase", ["request_headers", "request_body", "response_headers", "response_body"])
def test_a_workers_own_answer_is_not_rewritten(rig, phase):
    """What a worker answers itself reaches the client as it is, in every phase, and is no line of Envoy's log."""
    rig.upstream("east")

    def respond(_):
        message = pb.ProcessingResponse()
        message.immediate_response.status.code = 409
        message.immediate_response.body = b'{"error":{"code":"input_blocked"}}'
        message.immediate_response.details = "kt_policy"
        fields = {"content-type": "application/json", "x-should-retry": "false"}
        rig.set_headers(message.immediate_response.headers, fields)
        return message

    rig.hooks[phase] = respond
    rig.start()
    reply = rig.post()
    assert (reply.status, reply.body) == (409, b'{"error":{"code":"input_blocked"}}')
    assert reply.headers["x-should-retry"] == "false"
    assert rig.log_lines() == []


def test_no_worker_means_no_pass(rig):
    """Without a worker nothing goes upstream, and the client is told to come back."""
    east = rig.upstream("east")
    rig.start()
    rig.call(rig.workers[0].stop())
    reply = rig.post()
    assert reply.status == 503
    assert reply.error["code"] == "gateway_unavailable"
    assert east.received == []
    assert [line["status"] for line in rig.log_lines()] == [503]


@pytest.mark.parametrize("phase", ["request_headers", "request_body", "response_headers", "response_body"])
def test_a_worker_that_fails_never_lets_anything_pass(rig, phase):
    """A worker that aborts ends the exchange in our 503, in every phase, and the supervisor finds it in Envoy's log."""
    rig.upstream("east")
    rig.hooks[phase] = lambda _: RuntimeError("broken")
    rig.start()
    reply = rig.post(path="/v1/chat/completions?key=secret")
    assert reply.status == 503
    assert reply.error["code"] == "gateway_unavailable"
    (line,) = rig.log_lines()
    assert (line["path"], line["status"], line["request_id"]) == (
        "/v1/chat/completions",
        503,
        reply.headers["x-request-id"],
    )


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-big: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: x\r\n" + b"".join(b"x-%d: 1\r\n" % n for n in range(200)) + b"\r\n", 431),
        (b"GET / HTTP/1.0\r\n\r\n", 426),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ],
)
def test_a_head_that_envoy_refuses_is_answered(rig, request_bytes, status):
    """A head that Envoy cannot parse gets an OpenAI error (with ext_proc in the way, nothing) and a log line."""
    rig.upstream("east")
    rig.start()
    reply = rig.raw(request_bytes)
    assert reply.status == status
    assert reply.error["type"] == "invalid_request_error"
    assert rig.workers[0].messages == []
    assert [line["status"] for line in rig.log_lines()] == [status]


def test_an_upload_that_stops_is_a_408(rig):
    """A request body that never arrives ends in 408 after upload_timeout."""
    rig.upstream("east")
    rig.start(upload_timeout=0.3)
    reply = rig.raw(b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
    assert reply.status == 408
    assert reply.error["code"] == "request_timeout"


def test_reserved_headers_of_a_client_are_dropped(rig):
    """A client's x-envoy-*, x-kt-* and x-amz* headers reach neither the worker nor the router."""
    east, west = rig.upstream("east"), rig.upstream("west")
    east.answer = west.answer = rig.answer(status=503)
    rig.start()
    forged = {
        "x-envoy-max-retries": "9",
        "x-envoy-retry-on": "4xx",
        "x-kt-target": "e",
        "x-amz-date": "d",
        "x-amzn-a": "b",
    }
    rig.post(headers=forged)
    names = {header.key for header in rig.workers[0].messages[0].request_headers.headers.headers}
    assert not names & set(forged)
    assert len(east.received) + len(west.received) == 2


def test_upstream_headers_are_not_shown(rig):
    """AWS's own headers and server name stay behind, and the request id is ours."""
    east = rig.upstream("east")
    names = {"x-amzn-RequestId": "r", "x-amz-id-2": "i", "x-envoy-x": "1", "server": "aws", "x-request-id": "theirs"}
    east.answer = rig.answer(body=b"ok", headers=tuple(names.items()))
    rig.start()
    reply = rig.post()
    assert set(reply.headers) == {"content-length", "date", "server", "x-request-id"}
    assert (reply.headers["server"], reply.headers["x-request-id"] != "theirs") == ("kt", True)


def test_an_escaped_slash_in_a_path_is_kept(rig):
    """The model name in /v1/models/org%2Fname arrives as it was sent."""
    rig.upstream("east")
    rig.start()
    rig.post(path="/v1/models/org%2Fname")
    head = rig.workers[0].messages[0].request_headers.headers.headers
    assert {header.key: header.raw_value for header in head}[":path"] == b"/v1/models/org%2Fname"


def test_the_health_probe_needs_no_worker(rig):
    """/healthz is Envoy's own, is not logged, and fails while the gateway drains."""
    rig.upstream("east")
    rig.start()
    rig.call(rig.workers[0].stop())
    probe = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    assert rig.raw(probe).status == 200
    assert rig.raw(probe.replace(b"healthz", b"healthz?x")).status == 503
    rig.call(rig.admin("/healthcheck/fail", "POST"))
    assert rig.raw(probe).status == 503
    assert [line["path"] for line in rig.log_lines()] == ["/healthz"]


@pytest.mark.parametrize(
    ("times", "status", "details"),
    [
        ({"x-envoy-upstream-rq-timeout-ms": "300"}, 504, "response_timeout"),
        ({"x-envoy-upstream-rq-per-try-timeout-ms": "150"}, 504, "lua_response"),
    ],
)
def test_the_workers_times_hold(rig, times, status, details):
    """The time of an attempt and of the whole request are the worker's to set, and it hears which of them ran out."""
    for name in ("east", "west"):
        rig.upstream(name).answer = rig.answer(fault="hang")
    rig.start()
    rig.request_headers = times
    reply = rig.post()
    assert reply.status == status
    assert reply.error["code"] == "timeout"
    assert rig.attributes()["response.code_details"] == details


def test_claimed_exchanges_are_not_logged(rig):
    """What a worker has claimed it audits itself: Envoy's log has no line of it."""
    rig.upstream("east")
    rig.start()
    assert rig.post().status == 200
    assert rig.log_lines() == []
