"""The ext_proc service over a real gRPC server, with a client that plays Envoy's part: what goes well."""

import asyncio
import contextlib
import itertools
import json
import threading
import time
from datetime import datetime
from email.utils import formatdate

import grpc
import orjson
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from extproc._pb import ext_proc_pb2 as pb
from extproc.config.runtime import AuditSettings
from extproc.edge import server, signer, wire
from extproc.edge.trail.writer import Trail
from extproc.exchange import Exchange
from extproc.sagemaker.ticket import SIGNATURE


def test_a_whole_answer_goes_through(stage):
    """Headers, body, headers, body: each message is answered once, and the exchange is on the trail as served."""

    async def play(envoy):
        call = envoy.call()
        answers = await stage.exchange(
            call, stage.head(), stage.asked(), stage.answered(), stage.body(stage.completion("hi there"))
        )
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK
        return answers

    answers, trail = stage.run(play)
    kinds = [answer.WhichOneof("response") for answer in answers]
    assert kinds == ["request_headers", "request_body", "response_headers", "response_body"]
    sent = answers[1]
    assert orjson.loads(sent.request_body.response.body_mutation.body)["messages"][0]["content"] == "hello"
    assert "\nauthorization: AWS4-HMAC-SHA256 " in sent.dynamic_metadata["kt.attempts"]["east"]
    reply = orjson.loads(answers[3].response_body.response.body_mutation.body)
    assert reply["choices"][0]["message"]["content"] == "hi there"
    [line] = trail.lines
    assert (line["outcome"], line["request_id"], line["target"]) == ("served", "r-1", "east")


def test_what_it_has_planned_it_signs_again(stage):
    """On the same address, for whoever sends back the plan with its ticket: here after a refusal by a wrong clock."""

    async def play(envoy):
        call = envoy.call()
        answers = await stage.exchange(call, stage.head(), stage.asked())
        await call.done_writing()
        text = answers[1].dynamic_metadata["kt.attempts"]["east"]
        plan = {name: value for name, value in (line.split(": ", 1) for line in text.splitlines()) if name != "whole"}
        ahead = formatdate(time.time() + 1000, usegmt=True)
        head = {"target": "east", "cause": "clock", "date": ahead, "ticket": plan.pop("ticket")}
        kept = {name: value for name, value in plan.items() if name not in SIGNATURE}
        blocks = ("\n".join(f"{name}: {value}" for name, value in part.items()) for part in (head, kept))
        resign = envoy.channel.unary_unary(f"/{signer.SERVICE}/{signer.METHOD}")
        answer = await resign("\n\n".join(blocks).encode())
        return plan, dict(line.split(": ", 1) for line in answer.decode().splitlines())

    (plan, signed), _ = stage.run(play)
    assert set(signed) == {"authorization", "x-amz-date"}
    first, second = (datetime.strptime(each["x-amz-date"] + "+0000", "%Y%m%dT%H%M%SZ%z") for each in (plan, signed))
    # A minute for a busy machine.
    assert 990 < (second - first).total_seconds() < 1060


def test_a_stream_goes_through(stage):
    """Every chunk is released as it comes and the last one ends the stream."""

    async def play(envoy):
        call = envoy.call()
        answers = await stage.exchange(
            call,
            stage.head(),
            stage.asked(stream=True),
            stage.answered(content_type="application/vnd.amazon.eventstream"),
            stage.body(stage.delta("one two three four five six "), last=False),
            stage.body(stage.delta("seven", "stop") + stage.FINISHED),
        )
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        return answers

    answers, trail = stage.run(play)
    assert answers[2].mode_override.response_body_mode == pb.ProcessingMode.FULL_DUPLEX_STREAMED
    parts = [answer.response_body.response.body_mutation.streamed_response for answer in answers[3:]]
    assert [part.end_of_stream for part in parts] == [False, True]
    assert b"one" in parts[0].body
    assert parts[1].body.endswith(b"data: [DONE]\n\n")
    assert trail.lines[0]["outcome"] == "served"


def test_a_refusal_is_an_immediate_answer(stage):
    """A blocked request is answered at once, without its text anywhere."""

    async def play(envoy):
        return await stage.exchange(envoy.call(), stage.head(), stage.asked("open sesame"))

    answers, trail = stage.run(play)
    refusal = answers[1].immediate_response
    assert refusal.status.code == 409
    assert orjson.loads(refusal.body)["error"]["code"] == "input_blocked"
    assert (trail.lines[0]["outcome"], trail.lines[0]["block"]["policy"]) == ("blocked", "dlp-filter")
    assert "sesame" not in json.dumps(trail.lines)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_line_is_written_before_the_last_message(stage, monkeypatch, streamed):
    """No client has its last byte before the exchange is on the trail; nothing else comes after the line."""
    trail = stage.Sink()
    encode = wire.encode
    monkeypatch.setattr(wire, "encode", lambda action, event: trail.order.append("answer") or encode(action, event))
    kind = "application/vnd.amazon.eventstream" if streamed else "application/json"
    last = stage.body(stage.delta("hi", "stop") + stage.FINISHED) if streamed else stage.body(stage.completion())

    async def play(envoy):
        return await stage.exchange(
            envoy.call(), stage.head(), stage.asked(stream=streamed), stage.answered(content_type=kind), last
        )

    stage.run(play, trail=trail)
    assert trail.order == ["answer"] * 3 + ["audit", "answer"]


def test_a_large_body_is_judged_beside_the_loop(stage, monkeypatch):
    """A body over OFFLOAD_BYTES is fed in another thread, a smaller one in the loop's own."""
    fed = []
    feed = Exchange.feed
    monkeypatch.setattr(
        Exchange,
        "feed",
        lambda self, event, now: (
            fed.append((type(event).__name__, threading.current_thread() is threading.main_thread()))
            or feed(self, event, now)
        ),
    )

    async def play(envoy):
        large = stage.asked("x" * server.OFFLOAD_BYTES)
        return await stage.exchange(envoy.call(), stage.head(), large, stage.answered(), stage.body(stage.completion()))

    answers, _ = stage.run(play)
    assert answers[3].HasField("response_body")
    assert [entry for entry in fed if entry[0].endswith("Body")] == [("RequestBody", False), ("ResponseBody", True)]


@pytest.mark.parametrize("name", ["", server.SERVICE])
def test_health_is_told_by_both_names(stage, name):
    """Envoy asks with the empty name; others may ask for the service."""

    async def play(envoy):
        check = health_pb2_grpc.HealthStub(envoy.channel).Check
        question = health_pb2.HealthCheckRequest(service=name)
        before = (await check(question)).status
        await envoy.carrier.set_serving(False)
        return before, (await check(question)).status

    said, _ = stage.run(play)
    assert said == (health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING)


def test_bodies_of_the_largest_size_pass(stage):
    """25 MiB in each direction, over a protocol whose own limit is 4 MiB."""

    async def play(envoy):
        limit = stage.runtime().limits.max_body_bytes
        question = stage.asked("x")
        room = limit - len(question.request_body.body)
        question = stage.asked("x" * (room + 1))
        assert len(question.request_body.body) == limit
        return await stage.exchange(
            envoy.call(), stage.head(), question, stage.answered(), stage.body(stage.completion("y" * (limit - 200)))
        )

    answers, trail = stage.run(play)
    assert len(answers[1].request_body.response.body_mutation.body) > 25 * 2**20
    assert len(answers[3].response_body.response.body_mutation.body) > 25 * 2**20 - 300
    assert trail.lines[0]["outcome"] == "served"


def test_200_exchanges_at_once(stage):
    """All are open at the same time, and each gets its own answer and line."""
    count = 200
    trail = stage.Sink()

    async def play(envoy):
        calls = [envoy.call() for _ in range(count)]
        for number, call in enumerate(calls):
            await stage.exchange(call, stage.head(**{"x-request-id": f"r-{number}"}), stage.asked(f"text {number}"))
        assert envoy.processor.open == count
        return await asyncio.gather(
            *(
                stage.exchange(call, stage.answered(), stage.body(stage.completion(f"answer {n}")))
                for n, call in enumerate(calls)
            )
        )

    answers, _ = stage.run(play, trail=trail)
    texts = [orjson.loads(both[1].response_body.response.body_mutation.body) for both in answers]
    assert [text["choices"][0]["message"]["content"] for text in texts] == [f"answer {n}" for n in range(count)]
    assert {line["request_id"] for line in trail.lines} == {f"r-{number}" for number in range(count)}


def test_an_address_in_use_is_an_error(stage):
    """Two workers never share a TCP port, and the error says which address it is."""

    async def main():
        compiled = stage.runtime()
        processor = server.ExternalProcessor(
            lambda: compiled, stage.Keeper(), Trail(AuditSettings(enabled=False), "w0", {}), signer.tickets(None)
        )
        for port in itertools.count(20_000 + time.monotonic_ns() % 10_000):
            with contextlib.suppress(OSError):
                first = server.build(compiled, processor, f"127.0.0.1:{port}", stage.transport)
                break
        await first.start()
        try:
            with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
                server.build(compiled, processor, f"127.0.0.1:{port}", stage.transport)
        finally:
            await first.stop(None)

    asyncio.run(main())
