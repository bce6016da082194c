"""The client of Envoy's admin socket."""

import asyncio

import pytest

from extproc.edge.envoy_admin import AdminUnreachable, ask, stats


def serve(socket, answer, call):
    """Run `call` against a server that answers with `answer` (None: silence); returns its result and the requests."""

    async def main():
        requests, done = [], asyncio.Event()

        async def handle(reader, writer):
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
            writer.close()
            await writer.wait_closed()
            done.set()

        async with await asyncio.start_unix_server(handle, socket):
            try:
                return await call(), requests
            finally:
                await done.wait()

    return asyncio.run(main())


CHUNKED = (
    b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\na: \r\n3\r\n1\nb\r\n4\r\n: "x\r\n2\r\n"\n\r\n0\r\n\r\n'
)
REFUSALS = {
    "nothing": b"",
    "noise": b"garbage",
    "refused": b"HTTP/1.1 503 no\r\ncontent-length: 2\r\n\r\nno",
    "cut": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx",
}


def test_an_answer_in_chunks_is_put_together(tmp_path):
    """Envoy sends statistics in chunks, which may be cut anywhere."""
    socket = tmp_path / "s"
    text, requests = serve(socket, CHUNKED, lambda: ask(socket, "POST", "/x"))
    assert text == 'a: 1\nb: "x"\n'
    assert requests[0].startswith(b"POST /x HTTP/1.1\r\n")


def test_statistics_are_read_by_name(tmp_path):
    """Counters and text read-outs come as text, quotes removed."""
    socket = tmp_path / "s"
    told, requests = serve(socket, CHUNKED, lambda: stats(socket, "^a|b$"))
    assert told == {"a": "1", "b": "x"}
    assert b"GET /stats?filter=^a|b$ " in requests[0]


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
def test_anything_but_a_whole_200_is_an_error(tmp_path, answer):
    """A refusal, a cut answer and noise are all the same: Envoy cannot be asked."""
    socket = tmp_path / "s"
    with pytest.raises(AdminUnreachable):
        serve(socket, answer, lambda: ask(socket, "GET", "/ready"))


def test_no_socket_is_an_error(tmp_path):
    """Before Envoy has started there is no socket."""
    with pytest.raises(AdminUnreachable, match="does not answer"):
        asyncio.run(ask(tmp_path / "s", "GET", "/ready"))


def test_silence_is_an_error(tmp_path):
    """A server that says nothing is given up after the time allowed."""
    socket = tmp_path / "s"
    with pytest.raises(AdminUnreachable):
        serve(socket, None, lambda: ask(socket, "GET", "/ready", within=0.05))
