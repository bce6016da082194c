"""The ext_proc service when something goes wrong: the trail, the client, the time allowed, Envoy, ourselves."""

import asyncio
import json
import threading

import grpc
import orjson
import pytest
from structlog.testing import capture_logs

from extproc._pb import ext_proc_pb2 as pb
from extproc.edge import server, signer, wire
from extproc.edge.transport import PeerLeft
from extproc.exchange import Exchange

SECRET_TEXT = "my diary says"


@pytest.mark.parametrize("fail_open", [False, True])
def test_a_line_that_cannot_be_written_takes_the_answer_back(stage, fail_open):
    """Off the record there is no answer: 503, unless the operator chose otherwise."""
    trail = stage.Sink()
    trail.full = True

    async def play(envoy):
        return await stage.exchange(
            envoy.call(), stage.head(), stage.asked(), stage.answered(), stage.body(stage.completion())
        )

    answers, _ = stage.run(play, trail=trail, fail_open=fail_open)
    if fail_open:
        assert answers[3].HasField("response_body")
    else:
        assert answers[3].immediate_response.status.code == 503
        assert orjson.loads(answers[3].immediate_response.body)["error"]["code"] == "gateway_unavailable"
    assert trail.order == ["audit"]


def test_a_line_that_cannot_be_written_breaks_a_stream_off(stage):
    """In mid-stream the status is gone: the last event is an error and there is no [DONE]."""
    trail = stage.Sink()
    trail.full = True

    async def play(envoy):
        kind = stage.answered(content_type="application/vnd.amazon.eventstream")
        return await stage.exchange(
            envoy.call(),
            stage.head(),
            stage.asked(stream=True),
            kind,
            stage.body(stage.delta("hi", "stop") + stage.FINISHED),
        )

    answers, _ = stage.run(play, trail=trail)
    part = answers[3].response_body.response.body_mutation.streamed_response
    assert part.end_of_stream
    assert b"gateway_unavailable" in part.body
    assert b"[DONE]" not in part.body


def test_requests_are_refused_while_the_trail_is_known_to_fail(stage):
    """Nothing is asked upstream for an exchange that could not be recorded."""
    trail = stage.Sink()
    trail.failed = True

    async def play(envoy):
        return await stage.exchange(envoy.call(), stage.head())

    answers, _ = stage.run(play, trail=trail)
    assert answers[0].immediate_response.status.code == 503


def test_a_client_that_leaves_while_it_is_written_to(stage):
    """A transport says so by failing the write; that is no fault of ours, and nobody is left to abort for."""
    trail = stage.Sink()

    class Context:
        """A call that is reset between its message and our answer."""

        waiting = False

        async def read(self):
            return stage.head()

        async def write(self, _):
            raise PeerLeft

    compiled = stage.runtime()
    processor = server.ExternalProcessor(lambda: compiled, stage.Keeper(), trail, signer.tickets(None))
    with capture_logs() as logged:
        asyncio.run(processor.process(Context()))
    assert [line["outcome"] for line in trail.lines] == ["aborted"]
    assert logged == []
    assert processor.open == 0


@pytest.mark.parametrize("sent", [1, 2, 3, 4])
def test_a_client_that_leaves_is_on_the_record_as_aborted(stage, sent):
    """Whenever the client leaves, the exchange gets exactly one line, and it says so."""
    messages = [
        stage.head(),
        stage.asked(stream=True),
        stage.answered(content_type="application/vnd.amazon.eventstream"),
        stage.body(stage.delta("one two three four five six seven eight "), last=False),
    ]
    trail = stage.Sink()

    async def play(envoy):
        call = envoy.call()
        await stage.exchange(call, *messages[:sent])
        call.cancel()
        await stage.until(lambda: trail.lines)

    with capture_logs() as logged:
        stage.run(play, trail=trail)
    assert [line["outcome"] for line in trail.lines] == ["aborted"]
    assert logged == []


def test_the_deadline_ends_a_stream_that_is_silent(stage):
    """When timeout_seconds have passed the client gets an error event; chunks that come later change nothing."""

    async def play(envoy):
        call = envoy.call()
        kind = stage.answered(content_type="application/vnd.amazon.eventstream")
        await stage.exchange(call, stage.head(), stage.asked(stream=True), kind)
        ended = await call.read()
        await call.write(stage.body(stage.delta("too late"), last=False))
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        return ended

    ended, trail = stage.run(play, timeout=1)
    part = ended.response_body.response.body_mutation.streamed_response
    assert part.end_of_stream
    assert b'"code":"timeout"' in part.body
    assert [(line["outcome"], line["error"]["code"]) for line in trail.lines] == [("failed", "timeout")]


def test_the_deadline_does_not_race_with_a_chunk(stage, monkeypatch):
    """A deadline that passes while a chunk is judged waits for it: messages keep their order, and one is the last."""
    monkeypatch.setattr(server, "OFFLOAD_BYTES", 10)
    began, go_on = threading.Event(), threading.Event()
    feed = Exchange.feed

    def slow(self, event, now):
        if isinstance(event, server.ResponseBody):
            began.set()
            assert go_on.wait(30)
        return feed(self, event, now)

    monkeypatch.setattr(Exchange, "feed", slow)

    async def play(envoy):
        call = envoy.call()
        kind = stage.answered(content_type="application/vnd.amazon.eventstream")
        await stage.exchange(call, stage.head(), stage.asked(stream=True), kind)
        await call.write(stage.body(stage.delta("one two three four five six seven eight "), last=False))
        assert await asyncio.to_thread(began.wait, 30)
        await asyncio.sleep(1.2)
        go_on.set()
        parts = [await call.read(), await call.read()]
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        return [part.response_body.response.body_mutation.streamed_response for part in parts]

    parts, trail = stage.run(play, timeout=1)
    assert [part.end_of_stream for part in parts] == [False, True]
    assert b"one" in parts[0].body
    assert b'"code":"timeout"' in parts[1].body
    assert len(trail.lines) == 1


@pytest.mark.parametrize("kind", ["request", "response"])
def test_a_client_that_leaves_while_a_thread_judges(stage, monkeypatch, kind):
    """The exchange is closed only when the thread is done with it, and what was never handed over is not served."""
    monkeypatch.setattr(server, "OFFLOAD_BYTES", 10)
    began, go_on, order = threading.Event(), threading.Event(), []
    feed = Exchange.feed
    held = server.RequestBody if kind == "request" else server.ResponseBody

    def slow(self, event, now):
        if isinstance(event, held):
            began.set()
            assert go_on.wait(30)
        actions = feed(self, event, now)
        order.append(type(event).__name__)
        return actions

    monkeypatch.setattr(Exchange, "feed", slow)
    trail = stage.Sink()

    async def play(envoy):
        call = envoy.call()
        messages = [stage.head(), stage.asked(), stage.answered(), stage.body(stage.completion())]
        count = 1 if kind == "request" else 3
        await stage.exchange(call, *messages[:count])
        await call.write(messages[count])
        assert await asyncio.to_thread(began.wait, 30)
        call.cancel()
        await asyncio.sleep(0.2)
        assert trail.lines == []
        go_on.set()
        await stage.until(lambda: trail.lines)

    stage.run(play, trail=trail)
    assert order[-2:] == [held.__name__, "Closed"]
    assert [(line["outcome"], line["status"]) for line in trail.lines] == [("aborted", 499)]


def test_a_message_we_never_asked_for_aborts(stage):
    """A filter that is not configured as ours is told INTERNAL: a plain end would let the rest pass unguarded."""

    async def play(envoy):
        call = envoy.call()
        await stage.exchange(call, stage.head())
        await call.write(pb.ProcessingRequest())
        return await call.code()

    with capture_logs() as logged:
        code, trail = stage.run(play)
    assert code is grpc.StatusCode.INTERNAL
    assert [(line["outcome"], line["status"]) for line in trail.lines] == [("failed", 503)]
    assert [line["log_level"] for line in logged] == ["error"]


def test_bytes_that_are_no_message_abort(stage):
    """The same for what is no protobuf at all."""

    async def play(envoy):
        call = envoy.call()
        await call.write(b"\xff\xff\xff")
        return await call.code()

    code, _ = stage.run(play)
    assert code is grpc.StatusCode.INTERNAL


def test_a_fault_of_ours_is_told_without_what_was_said(stage, monkeypatch):
    """Kind and place are logged and recorded, the text at hand and a traceback are not; the stream is aborted."""

    def broken(*_):
        raise ValueError(f"cannot encode {SECRET_TEXT}")

    monkeypatch.setattr(wire, "encode", broken)

    async def play(envoy):
        call = envoy.call()
        await call.write(stage.head())
        return await call.code(), await call.details()

    with capture_logs() as logged:
        (code, details), trail = stage.run(play)
    assert code is grpc.StatusCode.INTERNAL
    [line] = logged
    assert line["fault"].startswith("ValueError at test_server_faults.py:")
    assert "\n" not in json.dumps(line, default=str)
    assert SECRET_TEXT not in json.dumps([logged, trail.lines, details], default=str)
    assert trail.lines[0]["detail"].startswith("bug: ValueError at ")


def test_a_fault_at_the_deadline_is_told(stage, monkeypatch):
    """What goes wrong outside of any message is not lost."""
    feed = Exchange.feed

    def broken(self, event, now):
        if isinstance(event, server.DeadlinePassed):
            raise KeyError(SECRET_TEXT)
        return feed(self, event, now)

    monkeypatch.setattr(Exchange, "feed", broken)

    async def play(envoy):
        call = envoy.call()
        kind = stage.answered(content_type="application/vnd.amazon.eventstream")
        await stage.exchange(call, stage.head(), stage.asked(stream=True), kind)
        await stage.until(lambda: logged)

    with capture_logs() as logged:
        stage.run(play, timeout=1)
    assert logged[0]["fault"].startswith("KeyError at ")
    assert SECRET_TEXT not in json.dumps(logged)
