"""first_content.lua in a real Envoy: what a stream begins with is known before the client hears of it."""

from __future__ import annotations

import json
import zlib

import pytest

from extproc.sagemaker.eventstream import encode

pytestmark = pytest.mark.envoy

FRAMES = (("content-type", "application/vnd.amazon.eventstream"),)
EVENTS = (("content-type", "text/event-stream"),)


def part(payload: bytes) -> bytes:
    """A frame with a part of the container's words."""
    return encode({":message-type": "event", ":event-type": "PayloadPart"}, payload)


def exception(kind: str, **said: str) -> bytes:
    """An exception's frame."""
    return encode({":message-type": "exception", ":exception-type": kind}, json.dumps(said).encode())


def data(document: object) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def chunk(delta: dict[str, object], finish_reason: str | None = None) -> bytes:
    """An event as vLLM writes it."""
    return data(
        {"id": "c", "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]}
    )


ROLE = chunk({"role": "assistant", "content": "", "reasoning_content": None, "tool_calls": []})
WORD = chunk({"content": "alpha"})
GOOD = part(WORD)
FLIPPED = GOOD[:-6] + bytes([GOOD[-6] ^ 1]) + GOOD[-5:]
GIANT = b"\xff\xff\xff\xff\x00\x00\x00\x00"
GIANT += zlib.crc32(GIANT).to_bytes(4, "big")

# What a stream consists of → what the worker is told of it: status, error type, and what else.
FAILED = {
    "exception": ((exception("ModelStreamError", ErrorCode="StreamBroken"),), (424, "ModelStreamError", 500)),
    "internal failure": ((exception("InternalStreamFailure", Message="x"),), (500, "InternalStreamFailure", None)),
    "throttled": ((exception("ThrottlingException", message="Rate exceeded"),), (429, "ThrottlingException", None)),
    "error frame": (
        (encode({":message-type": "error", ":error-code": "InternalError", ":error-message": "x"}, b""),),
        (424, "InternalError", 500),
    ),
    "a name that is none": ((exception("\xff\n"),), (424, "Unknown", 500)),
    "role, then exception": ((part(ROLE), exception("ModelStreamError")), (424, "ModelStreamError", 500)),
    "keep-alive, then exception": (
        (part(b": ping\n\n"), exception("ModelStreamError")),
        (424, "ModelStreamError", 500),
    ),
    "content and exception at once": ((GOOD[:40], GOOD[40:] + exception("X")), (424, "X", 500)),
    "container's error": ((part(data({"error": {"message": "x", "code": 500}})),), (424, "ModelError", 500)),
    "container's error, flat": ((part(data({"object": "error", "message": "x"})),), (424, "ModelError", 500)),
    "container's error, TGI": ((part(b'data:{"error":"x","error_type":"generation"}\n\n'),), (424, "ModelError", 500)),
    "container's error, LMI": ((part(b'{"error": "x", "code": 424}\n'),), (424, "ModelError", 500)),
    "container's failed generation": (
        (part(b'{"token": {"id": -1, "text": ""}, "details": {"finish_reason": "error"}}\n'),),
        (424, "ModelError", 500),
    ),
    "container overloaded": ((part(b'data:{"error":"x","error_type":"overloaded"}\n\n'),), (424, "ModelError", 429)),
    "an event named error": ((part(b'event: error\ndata: {"message": "x"}\n\n'),), (424, "ModelError", 500)),
    "no frame": ((b"",), (502, "NoContent", None)),
    "empty parts": ((part(b""), part(b"")), (502, "NoContent", None)),
    "role only": ((part(ROLE),), (502, "NoContent", None)),
    "done only": ((part(b"data: [DONE]\n\n"),), (502, "NoContent", None)),
    "blanks, then done": ((part(b" " * 100 + b"\r\n\r\n" + b"data: [DONE]  \r\n"),), (502, "NoContent", None)),
    "half a frame": ((GOOD[: len(GOOD) // 2],), (502, "BrokenStream", None)),
    "a turned bit": ((FLIPPED,), (502, "BrokenStream", None)),
    "a turned bit in the lengths": (
        (bytes([GOOD[0], GOOD[1], GOOD[2], GOOD[3] ^ 1]) + GOOD[4:],),
        (502, "BrokenStream", None),
    ),
    "a frame of 4 GiB": ((GIANT,), (502, "BrokenStream", None)),
    "no JSON": ((part(b"data: This is no JSON\n\n"),), (502, "BrokenStream", None)),
}
# What must not be sent again: it would fail everywhere, or go on twice.
FINAL = {
    "refused": (part(data({"error": {"message": "x", "code": 400, "type": "BadRequestError"}})),),
    "refused, TGI": (part(b'data:{"error":"x","error_type":"validation"}\n\n'),),
    "out of time": (exception("ModelStreamError", ErrorCode="ModelInvocationTimeExceeded"),),
}
CONTENT = {
    "a word": (GOOD,),
    "role, then a word": (part(ROLE), GOOD),
    "byte by byte": tuple(bytes([byte]) for byte in part(ROLE) + GOOD),
    "an empty answer": (part(ROLE), part(chunk({}, "stop")), part(b"data: [DONE]\n\n")),
    "a word, then an exception": (GOOD, b"<pause>", exception("ModelStreamError")),
    "TGI": (part(b'data:{"token":{"id":1,"text":" error"},"generated_text":null}\n\n'),),
    "LMI": (part(b'{"token": {"id": 1, "text": "x"}}\n'),),
    "a text about errors": (part(chunk({"content": 'say {"error": {}} and "finish_reason": "error"'})),),
    "a tool call": (part(chunk({"role": "assistant", "tool_calls": [{"index": 0}]})),),
    "reasoning": (part(chunk({"role": "assistant", "content": "", "reasoning_content": "hm"})),),
    "an unknown event first": (encode({":message-type": "event", ":event-type": "Telemetry"}, b"{}"), GOOD),
    "a long line": (part(b'{"generated_text": "' + b"x" * 100_000), part(b'"}')),
    "a long chunk": (part(chunk({"content": ""})[:-2] + b" " * 20_000 + b"\n\n"),),
    "blanks in a line": (part(b'{"token": ' + b" " * 200_000 + b"1}\n"),),
    "blanks in a delta": (part(b'data: {"delta":{' * 3_000 + b" " * 50_000 + b"x\n"),),
    "blanks before the end": (part(b"data: [DONE]" + b" " * 100 + b"\n"), GOOD),
    "keep-alives without end": (*[part(b":\n")] * 300, GOOD),
    "no line at all": (part(b'{"delta"' + b" " * 70_000),),
}


def answer(pair, pieces, headers=FRAMES):
    """A stream of these pieces, each its own chunk."""
    return pair.answer(status=200, headers=headers, pieces=tuple(piece for piece in pieces if piece) or (part(b""),))


@pytest.mark.parametrize("name", FAILED)
def test_a_stream_that_fails_before_its_first_content_is_tried_elsewhere(pair, name):
    """The client gets the second target's answer, and nothing of the first's; the worker is told of both."""
    pieces, (status, error_type, original) = FAILED[name]
    east, west = pair.upstreams.values()
    east.answer, west.answer = answer(pair, pieces), answer(pair, (GOOD,))
    reply = pair.post()
    assert (reply.status, reply.body, reply.complete) == (200, GOOD, True)
    first, second = pair.outcomes()
    assert (first["status"], first["error_type"], first.get("original_status")) == (status, error_type, original)
    assert (second["target"], second["status"]) == ("west", 200)


@pytest.mark.parametrize("name", sorted(set(FAILED) - {"no frame", "content and exception at once"}))
def test_where_a_stream_is_cut_makes_no_difference(pair, name):
    """Byte by byte, the same is told of it."""
    pieces, (status, error_type, original) = FAILED[name]
    east, west = pair.upstreams.values()
    east.answer = answer(pair, [bytes([byte]) for byte in b"".join(pieces)])
    west.answer = answer(pair, (GOOD,))
    assert pair.post().body == GOOD
    first = pair.outcomes()[0]
    assert (first["status"], first["error_type"], first.get("original_status")) == (status, error_type, original)


@pytest.mark.parametrize("name", FAILED)
def test_the_last_targets_failure_is_no_200(pair, name):
    """The worker gets the status that it amounts to, and the body as it came."""
    pieces, (status, _, _) = FAILED[name]
    pair.plan = ["east"]
    pair.upstreams["east"].answer = answer(pair, pieces)
    reply = pair.post()
    assert (reply.status, len(pair.outcomes())) == (status, 1)
    assert reply.body == b"".join(pieces) or (reply.body, b"".join(pieces)) == (part(b""), b"")


@pytest.mark.parametrize("name", FINAL)
def test_a_refusal_and_a_timeout_of_the_platform_are_not_sent_again(pair, name):
    """The first is the client's own fault; after the second the container still computes."""
    east, west = pair.upstreams.values()
    east.answer = answer(pair, FINAL[name])
    assert pair.post().status == 424
    assert len(west.received) == 0


@pytest.mark.parametrize("name", CONTENT)
def test_content_goes_on_as_it_came(pair, name):
    """Every byte, in order; what comes after the first content is no longer looked at."""
    east, west = pair.upstreams.values()
    pieces = CONTENT[name]
    east.answer = answer(pair, pieces)
    reply = pair.post()
    assert (reply.status, reply.complete) == (200, True)
    assert reply.body == b"".join(piece for piece in pieces if piece != b"<pause>")
    assert [outcome["status"] for outcome in pair.outcomes()] == [200]
    assert len(west.received) == 0


def test_bare_events_are_judged_as_framed_ones(pair):
    """SageMaker's OpenAI route passes the container's events on without frames."""
    east, west = pair.upstreams.values()
    east.answer = answer(pair, (data({"error": {"message": "x", "code": 503}}),), EVENTS)
    west.answer = answer(pair, (ROLE, WORD), EVENTS)
    assert pair.post().body == ROLE + WORD
    assert pair.outcomes()[0]["original_status"] == 503


def test_a_reset_before_the_first_content_is_tried_elsewhere(pair):
    """Though the head of the answer had come; it is an attempt without an answer."""
    east, west = pair.upstreams.values()
    east.answer = answer(pair, (part(ROLE), b"<reset>"))
    west.answer = answer(pair, (GOOD,))
    assert pair.post().body == GOOD
    assert pair.outcomes()[0] == {"target": "east", "status": 0}


def test_silence_before_the_first_content_ends_with_the_attempts_time(pair):
    """The head alone is no answer: its time goes on until there is content."""
    east, west = pair.upstreams.values()
    pair.request_headers = {"x-envoy-upstream-rq-per-try-timeout-ms": "300"}
    east.answer = answer(pair, (part(ROLE), b"<stop>"))
    west.answer = answer(pair, (GOOD, b"<pause>", GOOD))
    reply = pair.post()
    # And only until then: the second answer took longer in all.
    assert (reply.body, reply.complete) == (GOOD + GOOD, True)
    assert pair.outcomes()[0] == {"target": "east", "status": 0}
    pair.wait_for(lambda: east.cut == 1)


def test_a_target_has_a_time_of_its_own_for_the_whole_answer(rig):
    """Whatever the router's is: it is cut, and another tried."""
    east, west = rig.upstream("east"), rig.upstream("west")
    for each, fault in ((east, "hang"), (west, "")):
        each.answer = rig.answer(fault=fault, body=each.name.encode())

    def hasten(document):
        cluster = document["static_resources"]["clusters"][1]
        options = next(iter(cluster["typed_extension_protocol_options"].values()))
        options["common_http_protocol_options"]["max_stream_duration"] = "0.3s"

    rig.start(mutate=hasten)
    assert rig.post().body == b"west"
    assert rig.outcomes()[0] == {"target": "east", "status": 0}


def test_a_client_that_leaves_before_the_first_content_ends_the_attempt(pair):
    """The upstream's connection is closed at once, and nobody else is asked."""
    east, west = pair.upstreams.values()
    east.answer = answer(pair, (part(ROLE), b"<stop>"))
    with pytest.raises(TimeoutError):
        pair.raw(b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}", timeout=0.5)
    pair.wait_for(lambda: east.cut == 1)
    assert len(west.received) == 0


def test_what_the_platform_timed_out_is_sent_again_where_the_plan_says_so(pair):
    """A stream's exception and the 424 of a whole answer alike."""
    east, west = pair.upstreams.values()
    pair.again = {"east"}
    west.answer = answer(pair, (GOOD,))
    whole = json.dumps({"OriginalStatusCode": 0, "OriginalMessage": ""}).encode()
    for east.answer in (answer(pair, FINAL["out of time"]), pair.answer(status=424, body=whole)):
        assert pair.post().body == GOOD


def test_many_streams_at_once_fail_over(pair):
    """Every one of fifty."""
    east, west = pair.upstreams.values()
    east.answer, west.answer = answer(pair, (exception("ModelStreamError"),)), answer(pair, (part(ROLE), GOOD))
    assert {(reply.status, reply.body) for reply in pair.posts(50)} == {(200, part(ROLE) + GOOD)}


def test_what_the_headers_wait_for_may_answer(rig):
    """The call that is made to wait cannot reach anybody; answered it is as good."""
    east, west = rig.upstream("east"), rig.upstream("west")
    east.answer = rig.answer(headers=FRAMES, pieces=(exception("ModelStreamError"),))
    west.answer = rig.answer(headers=FRAMES, pieces=(GOOD,))

    def answer(document):
        (cluster,) = (each for each in document["static_resources"]["clusters"] if each["name"] == "kt.nobody")
        (trap,) = (each for each in document["static_resources"]["listeners"] if each["name"] == "kt.trap")
        (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        assert endpoint["endpoint"]["address"] == {"pipe": {"path": "/dev/null/nobody"}}
        endpoint["endpoint"]["address"] = trap["address"]

    rig.start(mutate=answer)
    assert {reply.body for reply in rig.posts(20)} == {GOOD}


def test_a_target_that_took_its_own_time_is_not_asked_again(rig):
    """The last attempt, cut by its cluster before the router's time: it is over, and a 504."""
    east = rig.upstream("east")
    east.answer = rig.answer(fault="hang")
    rig.limits = {"east": 300}

    def hasten(document):
        cluster = document["static_resources"]["clusters"][1]
        options = next(iter(cluster["typed_extension_protocol_options"].values()))
        options["common_http_protocol_options"]["max_stream_duration"] = "0.3s"

    rig.start(mutate=hasten)
    assert rig.post().status == 504
    assert len(east.received) == 1
