"""The listener for machines that ask, over real connections."""

import asyncio
import socket
from http import HTTPStatus

import pytest

from extproc.edge import listener
from extproc.edge.listener import Listener, Page
from extproc.edge.listening import free_port
from extproc.render.settings import Address


async def counts():
    """Bytes in the Prometheus text format."""
    return HTTPStatus.OK, b"kt_exchanges_total 7.0\n"


async def document():
    """A document."""
    return HTTPStatus.ACCEPTED, {"taken": True}


PAGES = {"/counts": Page(b"GET", counts), "/document": Page(b"POST", document)}


async def ask(port, request):
    """All that is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    data = await reader.read()
    writer.close()
    return data


@pytest.mark.parametrize(
    ("request_line", "status", "kind", "body"),
    [
        (b"GET /counts", b"200 OK", b"text/plain; version=0.0.4", b"kt_exchanges_total 7.0\n"),
        (b"GET /counts?name[]=x", b"200 OK", b"text/plain; version=0.0.4", b"kt_exchanges_total 7.0\n"),
        (b"POST /document", b"202 Accepted", b"application/json", b'{"taken":true}\n'),
        (b"GET /document", b"405 Method Not Allowed", b"application/json", b"takes POST only"),
        (b"GET /nothing", b"404 Not Found", b"application/json", b"see /counts, /document"),
    ],
)
def test_a_page_answers_to_its_method_alone(request_line, status, kind, body):
    """Counts as text, documents as JSON; other methods and paths are told what there is."""

    async def main():
        port = free_port()
        async with Listener(Address("127.0.0.1", port), PAGES), asyncio.timeout(30):
            return await ask(port, request_line + b" HTTP/1.1\r\nhost: x\r\n\r\n")

    head, _, rest = asyncio.run(main()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"content-type: " + kind in head
    assert body in rest


def test_one_that_says_nothing_holds_nobody_up(monkeypatch):
    """Others are served meanwhile, and it is hung up on after its time; closing does not wait for anybody."""

    async def main():
        port = free_port()
        async with Listener(Address("127.0.0.1", port), PAGES), asyncio.timeout(30):
            monkeypatch.setattr(listener, "HEAD_SECONDS", 0.1)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            answers = [await ask(port, b"GET /counts HTTP/1.0\r\n\r\n")]
            hung_up = await reader.read()
            writer.close()
            monkeypatch.setattr(listener, "HEAD_SECONDS", 1000)
            _, left_open = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.sleep(0.1)
        left_open.close()
        return answers[0].partition(b"\r\n")[0], hung_up

    assert asyncio.run(main()) == (b"HTTP/1.1 200 OK", b"")


def test_without_an_address_nothing_is_served():
    """The listener is off unless it is asked for."""

    async def main():
        async with Listener(None, PAGES) as nobody:
            return nobody._server

    assert asyncio.run(main()) is None


def test_an_address_that_is_taken_is_an_error():
    """It is not silently shared."""

    async def main(port):
        async with Listener(Address("127.0.0.1", port), PAGES):
            pass

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(OSError, match="in use"):
            asyncio.run(main(other.getsockname()[1]))
