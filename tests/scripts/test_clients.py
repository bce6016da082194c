"""The clients of scripts/chaos: they must see every way in which an answer can be wrong, or a zero means nothing."""

from __future__ import annotations

import asyncio
import json

import pytest
import uvloop

TEXT = "one two"
MESSAGE = {"choices": [{"finish_reason": "stop", "message": {"content": TEXT}}]}
ERROR = {"error": {"message": "m", "type": "server_error", "param": None, "code": "timeout"}}


def chunk(content, reason=None):
    """An event of a stream."""
    return event({"choices": [{"delta": {"content": content}, "finish_reason": reason}]})


def event(document):
    """A server-sent event."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
STREAM = chunk("one ") + chunk("two") + chunk(None, "stop")


def answer(body, status=200, more=b""):
    """A whole HTTP answer."""
    head = b"HTTP/1.1 %d X\r\nx-kt-target: east\r\nx-request-id: r\r\n%bcontent-length: %d\r\n\r\n"
    return head % (status, more, len(body)) + body


@pytest.mark.parametrize(
    ("kind", "body", "failure"),
    [
        ("whole", json.dumps(MESSAGE).encode(), ""),
        ("whole", json.dumps(MESSAGE).replace("two", "three").encode(), "200, another text"),
        ("whole", json.dumps(MESSAGE).replace('"stop"', "null").encode(), "200, no finish_reason"),
        ("whole", json.dumps(ERROR).encode(), "200, not in OpenAI's format"),
        ("whole", b"", "200, not in OpenAI's format"),
        ("stream", STREAM + DONE, ""),
        ("stream", STREAM, "200, unended stream"),
        ("stream", chunk("one ") + chunk("two") + DONE, "200, unended stream"),
        ("stream", STREAM + DONE[:-1], "200, unended stream"),
        ("stream", chunk("one ") + STREAM + DONE, "200, another text"),
        ("stream", chunk("one ") + event(ERROR), "event timeout"),
        ("stream", b"data: {\n\n" + DONE, "200, not in OpenAI's format"),
        ("stream", b"", "200, unended stream"),
    ],
)
def test_an_answer_is_judged_to_its_last_byte(program, kind, body, failure):
    """It succeeds with the whole text and its proper end; whatever else it is has a name."""
    clients = program("clients")
    reading = clients.Reading(keep=True)
    assert reading.feed(answer(body))
    assert clients.failure_of(reading, kind, TEXT) == failure


@pytest.mark.parametrize(
    ("body", "failure"), [(json.dumps(ERROR).encode(), "504 timeout"), (b"<html>", "504"), (b"[]", "504")]
)
def test_a_refusal_is_told_by_status_and_code(program, body, failure):
    """Also one without a code."""
    clients = program("clients")
    reading = clients.Reading(keep=True)
    assert reading.feed(answer(body, 504))
    assert clients.failure_of(reading, "whole", TEXT) == failure


def failures_of(clients, served):
    """What a client notes when its connections are answered so, one list of answers for each connection."""

    async def scenario():
        stop = asyncio.Event()
        connections = iter(served)

        async def serve(reader, writer):
            for said in next(connections):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(said)
                if len(client.answers) + 1 == sum(map(len, served)):
                    stop.set()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = clients.Client(port, "whole", b"GET / HTTP/1.1\r\n\r\n", TEXT)
        async with server:
            await asyncio.wait_for(client.run(stop, 0.0, 0.001), 30)
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, stop.set)
        await client.run(stop, 0.0, 1.0)
        return client.answers

    return uvloop.run(scenario())


def test_a_client_goes_on_whatever_becomes_of_its_connection(program):
    """Closed before an answer, in the middle of one, after one as announced, and nobody there: each is told apart."""
    clients = program("clients")
    good = answer(json.dumps(MESSAGE).encode())
    last = answer(json.dumps(MESSAGE).encode(), more=b"connection: close\r\n")
    answers = failures_of(clients, [[good, last], [good[:-1]], [b""], [good, b"HTTP/1.1 2"], [good]])
    assert [each.failure for each in answers] == [
        *("", "", clients.BROKEN_OFF, clients.BROKEN_BEFORE, "", clients.BROKEN_BEFORE, ""),
        clients.NOT_CONNECTED,
    ]
    assert {(each.target, each.request_id) for each in answers if not each.failure} == {("east", "r")}
    assert all(0 < each.first_ms <= each.whole_ms for each in answers)
