"""Our end of an HTTP/2 connection and, as oracle, the h2 library's client at the other; bytes are carried by hand."""

from types import SimpleNamespace

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from extproc.http2.connection import Connection
from extproc.http2.frames import HEAD, PREFACE
from extproc.http2.limits import Limits

REQUEST = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":authority", b"kt.workers"),
    (b":path", b"/service/Method"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
]


class Pair:
    """Both ends, and what each has told so far."""

    def __init__(self, limits=None):
        self.limits = limits or Limits()
        self.ours = Connection(self.limits, 0.0)
        self.theirs = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.theirs.initiate_connection()
        self.now = 0.0
        self.events, self.heard = [], []

    def carry(self):
        """Carry bytes until neither has anything to say; what ours has told in the meantime."""
        told = []
        while True:
            asked, answered = self.theirs.data_to_send(), b"".join(self.ours.take())
            if not asked and not answered:
                self.events += told
                return told
            if asked:
                told += self.ours.receive(asked, self.now)
            if answered:
                self.heard += self.theirs.receive_data(answered)

    def request(self, headers=REQUEST, *, end_stream=False):
        """A stream of the client's; its identifier."""
        stream_id = self.theirs.get_next_available_stream_id()
        self.theirs.send_headers(stream_id, headers, end_stream=end_stream)
        return stream_id

    def of(self, kind):
        """What the client heard of one kind of event."""
        return [event for event in self.heard if type(event) is kind]


def raw(kind, flags, stream_id, payload=b""):
    """A frame that no library would write."""
    return HEAD.pack(len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream_id) + payload


def frames_of(data):
    """Type, flags, stream and payload of each frame in some bytes."""
    found, offset = [], 0
    while offset < len(data):
        high, low, kind, flags, stream_id = HEAD.unpack_from(data, offset)
        end = offset + 9 + (high << 16 | low)
        found.append((kind, flags, stream_id, data[offset + 9 : end]))
        offset = end
    return found


def block(headers=REQUEST):
    """A header block without any state."""
    return Encoder().encode([(name, value, True) for name, value in headers])


class Client:
    """A client that sends whatever it is told to, frame by frame, to an end of ours that has begun."""

    def __init__(self, **limits):
        self.connection = Connection(Limits(**limits), 0.0)
        self.now = 0.0
        self.said = b""
        self.send(PREFACE + SettingsFrame(0).serialize())
        self.said = b""

    def send(self, data):
        """Send some bytes; the events."""
        events = self.connection.receive(data, self.now)
        self.said += b"".join(self.connection.take())
        return events

    def open(self, stream_id=1, *, end_stream=False, headers=REQUEST):
        """Open a stream; the events."""
        return self.send(raw(1, 4 | end_stream, stream_id, block(headers)))

    @property
    def answers(self):
        """The frames that came back."""
        return frames_of(self.said)

    @property
    def resets(self):
        """Streams that were reset, with their codes."""
        return {stream: int.from_bytes(payload, "big") for kind, _, stream, payload in self.answers if kind == 3}

    @property
    def goaway(self):
        """The code of the GOAWAY that came, if one did."""
        codes = [int.from_bytes(payload[4:8], "big") for kind, _, _, payload in self.answers if kind == 7]
        return codes[-1] if codes else None


@pytest.fixture
def http2():
    """Everything above, and hyperframe's frames."""
    return SimpleNamespace(
        Pair=Pair,
        Client=Client,
        REQUEST=REQUEST,
        raw=raw,
        frames_of=frames_of,
        block=block,
        Data=DataFrame,
        Headers=HeadersFrame,
        Continuation=ContinuationFrame,
        Priority=PriorityFrame,
        Reset=RstStreamFrame,
        Settings=SettingsFrame,
        Ping=PingFrame,
        GoAway=GoAwayFrame,
        WindowUpdate=WindowUpdateFrame,
    )
