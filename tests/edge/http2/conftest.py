"""A server of ours on a Unix socket, and a client that writes frames as it likes."""

import asyncio
from types import SimpleNamespace

import pytest
from hpack import Decoder, Encoder
from structlog.testing import capture_logs

from extproc.edge.http2.server import Http2Transport
from extproc.edge.transport import EOF, Method
from extproc.http2.frames import HEAD, PREFACE
from extproc.http2.limits import Limits

GRPC = {b"content-type": b"application/grpc", b"te": b"trailers"}


def frame(kind, flags, stream_id, payload=b""):
    """A frame."""
    return HEAD.pack(len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream_id) + payload


def message(data=b"", *, compressed=0):
    """A message with its prefix."""
    return bytes((compressed,)) + len(data).to_bytes(4, "big") + data


def head(path=b"/a.B/Stream", method=b"POST", **fields):
    """A header block without any state."""
    pseudo = {b":method": method, b":scheme": b"http", b":path": path}
    more = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return Encoder().encode([(name, value, True) for name, value in {**pseudo, **GRPC, **more}.items()])


class Peer:
    """A client's end: what it has heard, frame by frame."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.heard = []
        self.decoder = Decoder()

    def send(self, *frames):
        """Send some frames at once."""
        self.writer.write(b"".join(frames))

    def open(self, stream_id=1, *data, path=b"/a.B/Stream", end=False, **fields):
        """Open a stream, with some DATA at once."""
        parts = [frame(1, 4, stream_id, head(path, **fields)), *(frame(0, 0, stream_id, each) for each in data)]
        self.send(*parts, *([frame(0, 1, stream_id)] if end else []))

    async def next(self):
        """The next frame; None at the connection's end."""
        try:
            first = await self.reader.readexactly(9)
            high, low, kind, flags, stream_id = HEAD.unpack(first)
            payload = await self.reader.readexactly(high << 16 | low)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return None
        if kind == 1:
            payload = dict(self.decoder.decode(payload, raw=True))
        self.heard.append((kind, flags, stream_id, payload))
        return self.heard[-1]

    async def until(self, kind, stream_id=None):
        """The next frame of a kind."""
        while (found := await self.next()) is not None:
            if found[0] == kind and stream_id in (None, found[2]):
                return found
        raise AssertionError(f"no frame {kind} in {self.heard}")

    async def trailers(self, stream_id=1):
        """GRPC's status of a call, and its details."""
        while True:
            _, flags, _, fields = await self.until(1, stream_id)
            if flags & 1:
                return int(fields[b"grpc-status"]), fields.get(b"grpc-message", b"").decode()

    async def closed(self):
        """Wait for the connection's end; the codes of the GOAWAYs that came."""
        while await self.next() is not None:
            pass
        return [int.from_bytes(payload[4:8], "big") for kind, _, _, payload in self.heard if kind == 7]


class Sender:
    """A peer that sends as much as it may, and no more."""

    def __init__(self, peer, stream_id, data, window):
        self.peer, self.stream_id, self.room = peer, stream_id, window
        self.data, self.sent = data, 0

    def send(self):
        """What the window lets through."""
        while part := self.data[self.sent : self.sent + min(self.room, 16_384)]:
            self.sent, self.room = self.sent + len(part), self.room - len(part)
            self.peer.send(frame(0, 0, self.stream_id, part))

    async def until_still(self):
        """Go on until nothing more is given back: a PING is answered after all that came before it."""
        before = -1
        while before < self.sent:
            before = self.sent
            self.send()
            await self.answered()

    async def answered(self):
        """Take what comes before the answer to a PING."""
        self.peer.send(frame(6, 0, 0, bytes(8)))
        while (heard := await self.peer.next())[0] != 6:
            self.room += int.from_bytes(heard[3], "big") if heard[0] == 8 and heard[2] == self.stream_id else 0


class Service:
    """Handlers that tell of their ends."""

    def __init__(self):
        self.open, self.ended = 0, 0
        self.go_on = asyncio.Event()

    def methods(self):
        """An echo, one that waits before it reads, one that writes without end, one that cannot be ended; a unary."""
        streams = {"Stream": self.echo, "Later": self.later, "Writer": self.writer, "Stubborn": self.stubborn}
        streams["Holding"] = self.holding
        return (
            *(Method("a.B", name, self.counted(handler), bytes, bytes) for name, handler in streams.items()),
            Method("a.B", "Unary", self.unary, bytes, bytes, unary=True),
        )

    def counted(self, handler):
        """A handler that is counted while it runs."""

        async def run(context):
            self.open += 1
            try:
                await handler(context)
            finally:
                self.open -= 1
                self.ended += 1

        return run

    async def echo(self, context):
        """Say everything again."""
        while (said := await context.read()) is not EOF:
            await context.write(said)

    async def later(self, context):
        """The same, once it may go on."""
        await self.go_on.wait()
        await self.echo(context)

    async def holding(self, context):
        """Read one message, and work on it until it may go on."""
        await context.read()
        await self.go_on.wait()
        await self.echo(context)

    async def writer(self, context):
        """Write without end."""
        while True:
            await context.write(bytes(100_000))

    async def stubborn(self, _):
        """Go on until it may stop, cancelled or not."""
        while not self.go_on.is_set():
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                continue

    async def unary(self, request, _):
        """Answer."""
        return request + b"!"


async def until(condition):
    """Wait for a condition of this process."""
    while not condition():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.005)


@pytest.fixture
def http2(tmp_path):
    """Let `play(connect, service, carrier)` talk to a server with `limits`; what it returns, and what was logged."""

    def run(play, **limits):
        async def main():
            service = Service()
            carrier = Http2Transport(service.methods(), f"unix:{tmp_path}/s", limits=Limits(**limits))
            await carrier.start()
            peers = []

            async def connect(*, settings=b"", begin=True):
                peer = Peer(*await asyncio.open_unix_connection(f"{tmp_path}/s"))
                peers.append(peer)
                if begin:
                    peer.send(PREFACE, frame(4, 0, 0, settings))
                return peer

            try:
                async with asyncio.timeout(60):
                    return await play(connect, service, carrier)
            finally:
                service.go_on.set()
                await carrier.stop(None)
                for peer in peers:
                    peer.writer.transport.abort()
                assert (service.open, carrier._links) == (0, set())

        with capture_logs() as logged:
            result = asyncio.run(main())
        return result, logged

    kit = {"frame": frame, "message": message, "head": head, "until": until, "PREFACE": PREFACE, "Sender": Sender}
    return SimpleNamespace(run=run, **kit)
