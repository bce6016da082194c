"""Small bodies in a real Envoy: they reach the worker with their heads, one message each way."""

from __future__ import annotations

import base64

import pytest

from extproc._pb import ext_proc_pb2 as pb

pytestmark = pytest.mark.envoy

MOST = 65_536
BODY = '{"model": "é"}'.encode()
NEW = b'{"another": "body"}'


def enclosed(message: pb.ProcessingRequest) -> bytes | None:
    """The body that came with a head."""
    metadata = message.metadata_context.filter_metadata
    text = metadata["kt.enclosed"].fields["body"].string_value if "kt.enclosed" in metadata else ""
    return base64.b64decode(text, validate=True) if text else None


def replacing(common: pb.CommonResponse, body: bytes) -> pb.CommonResponse:
    """The same, with a body in place of Envoy's own."""
    common.status = pb.CommonResponse.CONTINUE_AND_REPLACE
    common.body_mutation.body = body
    return common


@pytest.fixture
def scene(pair):
    """A worker that answers a request's head with its plan and another body."""
    usual = pair.hooks["request_headers"], pair.hooks["response_headers"]

    def ask(message: pb.ProcessingRequest) -> pb.ProcessingResponse:
        if enclosed(message) is None:
            return usual[0](message)
        plan = pair.ask(pb.ProcessingRequest(request_body=pb.HttpBody(body=NEW)))
        common = replacing(plan.request_body.response, NEW)
        return pb.ProcessingResponse(
            request_headers=pb.HeadersResponse(response=common), dynamic_metadata=plan.dynamic_metadata
        )

    pair.hooks["request_headers"] = ask
    yield pair
    pair.hooks["request_headers"], pair.hooks["response_headers"] = usual


def kinds(rig) -> list[str]:
    """What the worker was sent, in order."""
    return [message.WhichOneof("request") for worker in rig.workers for message in worker.messages]


def test_a_small_request_is_one_message(scene):
    """Its body is with its head, byte for byte; what the worker puts in its place goes upstream, and nothing else."""
    assert scene.post(BODY).status == 200
    assert kinds(scene)[:2] == ["request_headers", "response_headers"]
    assert enclosed(scene.workers[0].messages[0]) == BODY
    (received,) = scene.upstreams["east"].received
    assert received.body == NEW
    assert ("content-length", str(len(NEW))) in received.headers


def test_every_attempt_has_the_new_body(scene):
    """Envoy replays what the worker gave, not what the client sent."""
    east, west = scene.upstreams.values()
    east.answer = scene.answer(status=503)
    assert scene.post(BODY).body == b"west"
    assert [received.body for received in (*east.received, *west.received)] == [NEW, NEW]


@pytest.mark.parametrize("size", [MOST, MOST + 1], ids=["the largest", "too long"])
def test_what_is_too_long_comes_after_its_head(scene, size):
    """No message about a head is larger than Envoy's buffers take."""
    body = bytes(range(256)) * 256 + b"x" * (size - MOST)
    assert scene.post(body).status == 200
    if size > MOST:
        assert kinds(scene)[:2] == ["request_headers", "request_body"]
        assert scene.workers[0].messages[1].request_body.body == body
    else:
        assert enclosed(scene.workers[0].messages[0]) == body


def test_what_is_of_unknown_length_comes_after_its_head(scene):
    """It could be of any, and the worker may refuse its head."""
    head = b"POST /v1/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    assert scene.raw(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)).status == 200
    assert enclosed(scene.workers[0].messages[0]) is None
    assert scene.workers[0].messages[1].request_body.body == BODY


def test_a_request_without_a_body_has_none(scene):
    """It is sent at once, and ends with its head."""
    scene.post(b"")
    head = scene.workers[0].messages[0]
    assert (enclosed(head), head.request_headers.end_of_stream) == (None, True)


def test_a_small_whole_answer_is_one_message(scene):
    """The client gets what the worker put in its place, with its length; nothing of the request is told again."""

    def whole(_: pb.ProcessingRequest) -> pb.ProcessingResponse:
        answer = pb.ProcessingResponse(response_headers=pb.HeadersResponse())
        replacing(answer.response_headers.response, NEW + b"!")
        answer.dynamic_metadata.update({"kt.answer": {"length": str(len(NEW) + 1)}})
        return answer

    scene.hooks["response_headers"] = whole
    scene.whole = True
    scene.upstreams["east"].answer = scene.answer(body=BODY)
    reply = scene.post(b"asked")
    assert (reply.status, reply.body) == (200, NEW + b"!")
    assert reply.headers["content-length"] == str(len(NEW) + 1)
    assert kinds(scene) == ["request_headers", "response_headers"]
    assert enclosed(scene.workers[0].messages[1]) == BODY


@pytest.mark.parametrize("whole", [True, False], ids=["long", "not known to be whole"])
def test_other_answers_come_after_their_heads(scene, whole):
    """Their heads hold neither the answer nor the request's body."""
    scene.whole = whole
    body = b"x" * (MOST + 1 if whole else 10)
    scene.upstreams["east"].answer = scene.answer(body=body)
    assert scene.post(b"asked").body == body
    assert kinds(scene) == ["request_headers", "response_headers", "response_body"]
    assert [enclosed(message) for message in scene.workers[0].messages[1:]] == [None, None]
