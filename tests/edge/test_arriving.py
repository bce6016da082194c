"""Chunks that have come together are one event; nothing is held back, lost or moved."""

import asyncio
import itertools

from hypothesis import given
from hypothesis import strategies as st

from extproc._pb import ext_proc_pb2 as pb
from extproc.edge.arriving import JOINED_BYTES, Arriving
from extproc.edge.transport import EOF
from extproc.events import RequestBody, ResponseBody, ResponseTrailers


class Call:
    """A call whose messages come in groups: those of a group are there when its first is read."""

    def __init__(self, groups):
        self.groups = [list(group) for group in groups if group]

    @property
    def waiting(self):
        """Whether the group that is being read has another."""
        return bool(self.groups and self.groups[0] and self.begun)

    begun = False

    async def read(self):
        """The next message of the group, or the first of the next group."""
        if self.groups and not self.groups[0]:
            del self.groups[0]
        if not self.groups:
            return EOF
        self.begun = True
        return self.groups[0].pop(0)


def chunk(data, *, last=False):
    """A chunk as Envoy sends it."""
    return pb.ProcessingRequest(response_body=pb.HttpBody(body=data, end_of_stream=last))


TRAILERS = pb.ProcessingRequest(response_trailers=pb.HttpTrailers())


def events(*groups):
    """All events of a call."""

    async def read():
        arriving = Arriving(Call(groups))
        found = []
        while (event := await arriving.next()) is not None:
            found.append(event)
        return found

    return asyncio.run(read())


def test_what_came_together_is_one_chunk():
    """The end of the stream is the last one's."""
    assert events([chunk(b"a"), chunk(b"b")], [chunk(b"c"), chunk(b"", last=True)]) == [
        ResponseBody(b"ab"),
        ResponseBody(b"c", end_of_stream=True),
    ]


def test_what_follows_the_chunks_keeps_its_place():
    """Trailers end a stream: they come after every chunk."""
    assert events([chunk(b"a"), chunk(b"b"), TRAILERS]) == [ResponseBody(b"ab"), ResponseTrailers()]


def test_other_bodies_are_left_alone():
    """A request's body is whole, and nothing belongs to it."""
    request = pb.ProcessingRequest(request_body=pb.HttpBody(body=b"x", end_of_stream=True))
    assert events([request, chunk(b"a")]) == [RequestBody(b"x"), ResponseBody(b"a")]


def test_a_joined_chunk_has_a_bound():
    """However far behind a worker is, it does not take the loop for all that waits."""
    piece = bytes(JOINED_BYTES // 2)
    assert [len(event.body) for event in events([chunk(piece)] * 5)] == [2 * len(piece), 2 * len(piece), len(piece)]


@given(st.lists(st.lists(st.binary(max_size=6), max_size=5), max_size=5))
def test_no_byte_is_lost_or_moved(groups):
    """However the chunks come, what comes out is their bytes in order, and never more events than chunks."""
    found = events(*[[chunk(data) for data in group] for group in groups])
    assert b"".join(event.body for event in found) == b"".join(itertools.chain.from_iterable(groups))
    assert len(found) == len([group for group in groups if group])
