"""What every carrier of gRPC does alike, as the gRPC library's client sees it."""

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from extproc.edge.transport import EOF, Method, PeerLeft
from extproc.http2.status import Status

MIB = 2**20


def unary(handler):
    """A unary method of bytes."""
    return (Method("test.Service", "Do", handler, bytes, bytes, unary=True),)


def stream(handler):
    """A streaming method of bytes."""
    return (Method("test.Service", "Do", handler, bytes, bytes),)


def call(channel, name="/test.Service/Do", **options):
    """Begin a streaming call."""
    return channel.stream_stream(name)(**options)


async def echo(context):
    """Say everything again."""
    while (message := await context.read()) is not EOF:
        await context.write(message)


async def ended(awaitable):
    """The status that a call ends with, and its details."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    return caught.value.code(), caught.value.details()


def test_a_unary_call(carried):
    """One message in, one out."""

    async def handler(request, _):
        return request[::-1]

    async def play(channel, _):
        return [await channel.unary_unary("/test.Service/Do")(message) for message in (b"abc", b"", b"x" * 900_000)]

    assert carried(unary(handler), play) == [b"cba", b"", b"x" * 900_000]


def test_a_conversation(carried):
    """Messages of any size, each answered, until the client has said all."""
    sizes = [0, 1, 5, 16_379, 16_380, 16_384, 100_000, 3 * MIB]

    async def play(channel, _):
        talk = call(channel)
        lengths = []
        for size in sizes:
            await talk.write(bytes(size))
            lengths.append(len(await talk.read()))
        await talk.done_writing()
        assert await talk.read() is grpc.aio.EOF
        assert await talk.code() is grpc.StatusCode.OK
        return lengths

    assert carried(stream(echo), play, max_message_bytes=4 * MIB) == sizes


def test_many_messages_that_nobody_waits_for(carried):
    """All of a thousand come, in order, in both directions at once."""
    messages = [b"%d" % number * (number % 50) for number in range(1_000)]

    async def play(channel, _):
        return [message async for message in channel.stream_stream("/test.Service/Do")(iter(messages))]

    assert carried(stream(echo), play) == messages


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("details", ["not signed", "100 % größer,\nin two lines"])
def test_an_abort(carried, before, details):
    """Its status and details reach the client whole, before any message and after one."""

    async def handler(context):
        for _ in range(before):
            await context.write(b"x")
        await context.abort(Status.PERMISSION_DENIED, details)

    async def play(channel, _):
        talk = call(channel)
        for _ in range(before):
            assert await talk.read() == b"x"
        return await ended(talk.read()) if not before else (await talk.code(), await talk.details())

    assert carried(stream(handler), play) == (grpc.StatusCode.PERMISSION_DENIED, details)


def test_a_unary_abort(carried):
    """The same for a unary call."""

    async def handler(_, context):
        await context.abort(Status.NOT_FOUND, "not here")

    async def play(channel, _):
        return await ended(channel.unary_unary("/test.Service/Do")(b""))

    assert carried(unary(handler), play) == (grpc.StatusCode.NOT_FOUND, "not here")


def test_a_handler_that_fails(carried):
    """Is an error to the client, never the end of the call; and its connection goes on."""
    failures = [ValueError("secret")]

    async def handler(context):
        if failures:
            raise failures.pop()
        await echo(context)

    async def play(channel, _):
        assert await call(channel).code() is grpc.StatusCode.UNKNOWN
        talk = call(channel)
        await talk.write(b"still here")
        return await talk.read()

    assert carried(stream(handler), play) == b"still here"


def test_what_cannot_be_decoded_fails_the_read(carried):
    """In the handler, which knows what to do."""

    def decode(_):
        raise ValueError

    async def handler(context):
        try:
            await context.read()
        except ValueError:
            await context.abort(Status.INTERNAL, "no message")

    async def play(channel, _):
        talk = call(channel)
        await talk.write(b"x")
        return await talk.code()

    method = Method("test.Service", "Do", handler, decode, bytes)
    assert carried((method,), play) is grpc.StatusCode.INTERNAL


def test_a_method_that_is_not_there(carried):
    """UNIMPLEMENTED, for a method and for a service."""

    async def play(channel, _):
        return {await call(channel, name).code() for name in ("/test.Service/Other", "/other.Service/Do")}

    assert carried(stream(echo), play) == {grpc.StatusCode.UNIMPLEMENTED}


def test_a_deadline(carried):
    """The client's own ends the call, and its handler."""
    over = asyncio.Event()

    async def handler(context):
        try:
            await context.read()
        finally:
            over.set()

    async def play(channel, _):
        code = await call(channel, timeout=0.2).code()
        await over.wait()
        return code

    assert carried(stream(handler), play) is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_client_that_leaves(carried):
    """Its handler, which waits for it, comes to its end."""
    begun, over = asyncio.Event(), asyncio.Event()

    async def handler(context):
        try:
            while await context.read() is not EOF:
                begun.set()
        finally:
            over.set()

    async def play(channel, _):
        talk = call(channel)
        await talk.write(b"x")
        await begun.wait()
        talk.cancel()
        await over.wait()
        return over.is_set()

    assert carried(stream(handler), play)


def test_writing_to_a_client_that_left(carried):
    """Is told by PeerLeft, or by the cancellation that comes with it; never by another error."""
    told: asyncio.Queue[type] = asyncio.Queue()

    async def handler(context):
        try:
            while True:
                await context.write(b"x")
                await asyncio.sleep(0.01)
        except BaseException as error:
            told.put_nowait(type(error))
            raise

    async def play(channel, _):
        talk = call(channel)
        await talk.read()
        talk.cancel()
        return await told.get()

    assert carried(stream(handler), play) in (asyncio.CancelledError, PeerLeft)


def test_a_message_over_the_limit(carried):
    """RESOURCE_EXHAUSTED; one of exactly the limit passes."""

    async def handler(request, _):
        return b"%d" % len(request)

    async def play(channel, _):
        do = channel.unary_unary("/test.Service/Do")
        return await do(bytes(MIB)), (await ended(do(bytes(MIB + 1))))[0]

    assert carried(unary(handler), play) == (b"1048576", grpc.StatusCode.RESOURCE_EXHAUSTED)


def test_a_client_that_does_not_read_stops_the_writer(carried):
    """What is written waits in the handler, not in memory; when the client reads, all of it comes."""
    count, written = 400, []

    async def handler(context):
        for number in range(count):
            await context.write(bytes(MIB // 4))
            written.append(number)

    async def play(channel, _):
        talk = call(channel)
        await talk.read()
        before = -1
        while len(written) != before:
            before = len(written)
            await asyncio.sleep(0.3)
        assert before < count - 1
        parts = 1
        while await talk.read() is not grpc.aio.EOF:
            parts += 1
        return parts

    assert carried(stream(handler), play) == count


def test_health(carried):
    """By the empty name and by each service's; unknown names are told apart."""

    async def play(channel, carrier):
        check = health_pb2_grpc.HealthStub(channel).Check
        states = []
        for serving in (True, False):
            await carrier.set_serving(serving)
            asked = [check(health_pb2.HealthCheckRequest(service=name)) for name in ("", "test.Service")]
            states += [(await each).status for each in asked]
        return states, (await ended(check(health_pb2.HealthCheckRequest(service="other"))))[0]

    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    states, unknown = carried(stream(echo), play)
    assert states == [serving, serving, not_serving, not_serving]
    assert unknown is grpc.StatusCode.NOT_FOUND


def test_watching_health(carried):
    """Every change is told, once; a name that nobody knows is SERVICE_UNKNOWN."""

    async def play(channel, carrier):
        await carrier.set_serving(True)
        watch = health_pb2_grpc.HealthStub(channel).Watch
        known, unknown = (watch(health_pb2.HealthCheckRequest(service=name)) for name in ("test.Service", "other"))
        states = [(await known.read()).status, (await unknown.read()).status]
        await carrier.set_serving(True)
        await carrier.set_serving(False)
        states.append((await known.read()).status)
        return states

    answer = health_pb2.HealthCheckResponse
    assert carried(stream(echo), play) == [answer.SERVING, answer.SERVICE_UNKNOWN, answer.NOT_SERVING]


def test_a_stop_lets_open_calls_end(carried):
    """They go on to their end, and then the server has stopped; nobody new is served."""

    async def play(channel, carrier):
        talk = call(channel)
        await talk.write(b"one")
        assert await talk.read() == b"one"
        stopping = asyncio.create_task(carrier.stop(60))
        await asyncio.sleep(0.1)
        await talk.write(b"two")
        answer = await talk.read()
        assert not stopping.done()
        await talk.done_writing()
        await stopping
        assert await talk.code() is grpc.StatusCode.OK
        return answer, await call(channel).code()

    assert carried(stream(echo), play) == (b"two", grpc.StatusCode.UNAVAILABLE)


@pytest.mark.parametrize("grace", [None, 0.1])
def test_a_stop_ends_calls_that_do_not(carried, grace):
    """After the grace, or at once without any: the client is told of an error, and the handler comes to its end."""
    over = asyncio.Event()

    async def handler(context):
        try:
            await echo(context)
        finally:
            over.set()

    async def play(channel, carrier):
        talk = call(channel)
        await talk.write(b"one")
        await talk.read()
        await carrier.stop(grace)
        await over.wait()
        return await talk.code()

    assert carried(stream(handler), play) in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
