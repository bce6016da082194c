"""A whole connection, with the h2 library's client at the other end; and with anything at all."""

import itertools

import pytest
from h2 import events as theirs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.http2 import events
from extproc.http2.connection import Connection
from extproc.http2.faults import ErrorCode
from extproc.http2.frames import PREFACE
from extproc.http2.limits import Limits
from extproc.http2.status import HEAD, Status, trailers, trailers_only

MIB = 2**20


def test_a_call(http2):
    """Head, body and end in both directions, as another's client reads them."""
    pair = http2.Pair()
    stream_id = pair.request()
    pair.theirs.send_data(stream_id, b"question", end_stream=True)
    request, data = pair.carry()
    assert request.head.fields[b":path"] == b"/service/Method"
    assert data == events.DataReceived(stream_id, b"question", ended=True)
    pair.ours.send_headers(stream_id, HEAD)
    assert pair.ours.send_data(stream_id, b"answer")
    pair.ours.send_trailers(stream_id, trailers(Status.OK))
    assert pair.carry() == []
    assert dict(pair.of(theirs.ResponseReceived)[0].headers)[b"content-type"] == b"application/grpc"
    assert [event.data for event in pair.of(theirs.DataReceived)] == [b"answer"]
    assert pair.of(theirs.TrailersReceived)[0].headers == [(b"grpc-status", b"0")]
    assert len(pair.of(theirs.StreamEnded)) == 1
    assert pair.ours.streams == 0


def test_an_end_without_a_beginning(http2):
    """Trailers-Only is one head that ends the stream; the peer, which had more to say, is told to stop."""
    pair = http2.Pair()
    stream_id = pair.request()
    pair.carry()
    pair.ours.send_trailers(stream_id, trailers_only(Status.UNIMPLEMENTED, "no"))
    pair.carry()
    assert dict(pair.of(theirs.ResponseReceived)[0].headers)[b"grpc-status"] == b"12"
    assert pair.of(theirs.StreamEnded)
    assert [event.error_code for event in pair.of(theirs.StreamReset)] == [ErrorCode.NO_ERROR]


def test_calls_in_a_row_and_at_once(http2):
    """The client's table of fields fills with the first; every head is understood, and every answer is its own."""
    pair = http2.Pair()
    for turn in range(3):
        ids = [pair.request([*http2.REQUEST, (b"x-request-id", b"%d" % turn)]) for _ in range(20)]
        opened = pair.carry()
        assert [event.stream_id for event in opened] == ids
        assert {event.head.fields[b"x-request-id"] for event in opened} == {b"%d" % turn}
        for stream_id in reversed(ids):
            pair.ours.send_headers(stream_id, HEAD)
            pair.ours.send_data(stream_id, b"%d" % stream_id)
            pair.ours.send_trailers(stream_id, trailers(Status.OK))
        pair.carry()
        answers = {event.stream_id: event.data for event in pair.of(theirs.DataReceived)}
        assert all(answers[stream_id] == b"%d" % stream_id for stream_id in ids)
    assert pair.ours.streams == 0


def test_a_large_answer_waits_for_the_clients_window(http2):
    """No more is sent than it allows, all arrives in the end, and the trailers after it."""
    pair = http2.Pair()
    stream_id = pair.request(end_stream=True)
    pair.carry()
    answer = bytes(range(256)) * 4_096
    pair.ours.send_headers(stream_id, HEAD)
    assert not pair.ours.send_data(stream_id, answer)
    pair.ours.send_trailers(stream_id, trailers(Status.OK))
    got, told = b"", []
    while len(got) < len(answer):
        told += pair.carry()
        parts, pair.heard = pair.of(theirs.DataReceived), []
        assert parts
        got += b"".join(part.data for part in parts)
        for part in parts:
            pair.theirs.acknowledge_received_data(part.flow_controlled_length, stream_id)
    assert got == answer
    assert told == []
    pair.carry()
    assert pair.ours.streams == 0


def test_a_sender_is_told_when_its_message_has_gone(http2):
    """So it does not run ahead of its peer."""
    pair = http2.Pair()
    stream_id = pair.request()
    pair.carry()
    pair.ours.send_headers(stream_id, HEAD)
    assert not pair.ours.send_data(stream_id, bytes(65_535 + 10))
    assert pair.carry() == []
    pair.theirs.increment_flow_control_window(100, stream_id)
    assert pair.carry() == []
    pair.theirs.increment_flow_control_window(100)
    assert pair.carry() == [events.Sent(stream_id)]
    assert pair.ours.send_data(stream_id, b"more")


def test_a_large_question_needs_a_reader(http2):
    """The client may send the window, then only what was consumed; it never gets beyond it."""
    pair = http2.Pair(Limits(stream_window=100_000, connection_window=150_000))
    stream_id = pair.request()
    pair.carry()
    sent = 0
    for _ in range(10):
        got = 0
        while window := min(pair.theirs.local_flow_control_window(stream_id), 16_384):
            pair.theirs.send_data(stream_id, bytes(window))
            sent += window
            got += sum(len(event.data) for event in pair.carry())
            pair.carry()
        assert sent <= 100_000 + 9 * 100_000
        pair.ours.credit(stream_id, got)
        pair.carry()
    assert sent == 1_000_000


def test_smaller_windows_hold_for_open_streams(http2):
    """SETTINGS_INITIAL_WINDOW_SIZE moves them all, below zero too; the larger one brings them back (section 6.9.2)."""
    pair = http2.Pair()
    stream_id = pair.request()
    pair.carry()
    pair.ours.send_headers(stream_id, HEAD)
    assert pair.ours.send_data(stream_id, bytes(16_384))
    pair.carry()
    pair.theirs.update_settings({4: 10_000})
    pair.carry()
    assert not pair.ours.send_data(stream_id, b"x" * 100)
    assert pair.carry() == []
    pair.theirs.update_settings({4: 16_484})
    assert pair.carry() == [events.Sent(stream_id)]
    assert not pair.ours.send_data(stream_id, b"x")


@pytest.mark.parametrize("size", [16_384, 20_000, 65_536])
def test_frames_are_as_large_as_the_client_takes(http2, size):
    """SETTINGS_MAX_FRAME_SIZE (section 6.5.2)."""
    client = http2.Client()
    client.send(http2.Settings(0, {4: MIB, 5: size}).serialize() + http2.WindowUpdate(0, MIB).serialize())
    client.open()
    client.connection.send_headers(1, HEAD)
    assert client.connection.send_data(1, bytes(200_000))
    client.send(b"")
    lengths = [len(payload) for kind, *_, payload in client.answers if kind == 0]
    assert (max(lengths), sum(lengths)) == (size, 200_000)


def test_settings_and_pings_are_acknowledged(http2):
    """In the order they came."""
    pair = http2.Pair()
    pair.carry()
    pair.theirs.update_settings({3: 5})
    pair.theirs.ping(b"12345678")
    pair.carry()
    assert len(pair.of(theirs.SettingsAcknowledged)) == 2
    assert pair.of(theirs.PingAckReceived)[0].ping_data == b"12345678"


def test_an_end_in_order(http2):
    """Announced, then the last stream is named; what is open goes on, what comes later is refused (section 6.8)."""
    client = http2.Client()
    client.open(1)
    client.connection.announce_end()
    # One more that the client opens before it knows.
    client.open(3)
    announced, asked = client.answers
    assert announced == (7, 0, 0, b"\x7f\xff\xff\xff" + bytes(4))
    assert client.send(http2.raw(6, 1, 0, asked[3])) == [events.Acknowledged()]
    client.said = b""
    client.connection.refuse_streams()
    client.connection.refuse_streams()
    assert client.open(5) == []
    assert client.answers == [(7, 0, 0, b"\0\0\0\3" + bytes(4)), (3, 0, 5, b"\0\0\0\7")]
    for stream_id in (1, 3):
        client.connection.send_trailers(stream_id, trailers_only(Status.OK))
    client.send(b"")
    assert [stream for kind, _, stream, _ in client.answers if kind == 1] == [1, 3]
    assert client.connection.streams == 0


def test_another_pings_answer_is_not_ours(http2):
    """Nothing follows from it."""
    client = http2.Client()
    client.connection.announce_end()
    assert client.send(http2.raw(6, 1, 0, b"whatever")) == []


def test_a_clients_goaway_breaks_nothing_off(http2):
    """It opens no more streams; those that are open are served."""
    client = http2.Client()
    client.open()
    assert client.send(http2.GoAway(0).serialize()) == []
    client.connection.send_headers(1, HEAD)
    assert client.connection.send_data(1, b"x")
    client.send(b"")
    assert [kind for kind, *_ in client.answers] == [1, 0]


def test_nothing_is_sent_on_a_stream_that_is_over(http2):
    """Whatever is asked for it: the peer would take it for an error."""
    client = http2.Client()
    client.open()
    client.send(http2.Reset(1).serialize())
    client.connection.send_headers(1, HEAD)
    assert client.connection.send_data(1, b"x")
    client.connection.send_trailers(1, trailers(Status.OK))
    client.connection.reset(1, ErrorCode.CANCEL)
    client.connection.credit(1, 10)
    client.send(b"")
    assert client.answers == []


def test_a_full_socket_holds_messages_back(http2):
    """They go when it takes more, and their sender is told."""
    client = http2.Client()
    client.open()
    client.connection.send_headers(1, HEAD)
    client.connection.pause()
    assert not client.connection.send_data(1, b"x")
    assert not client.connection.more
    assert client.connection.resume() == [events.Sent(1)]
    client.send(b"")
    assert [kind for kind, *_ in client.answers] == [1, 0]


def conversation(http2):
    """What a client says in a conversation with all kinds of frames: its own, and some that h2 would not send."""
    pair = http2.Pair()
    said = []
    pair.ours = None
    for turn in range(2):
        first = pair.request([*http2.REQUEST, (b"x-number", b"%d" % turn)])
        second = pair.request(end_stream=True)
        pair.theirs.ping(b"12345678")
        pair.theirs.send_data(first, b"a question", pad_length=turn * 5 or None)
        pair.theirs.send_data(first, b"and its end", end_stream=True)
        pair.theirs.reset_stream(second)
        pair.theirs.increment_flow_control_window(10)
        said.append(pair.theirs.data_to_send())
    block = http2.block()
    said.append(http2.raw(1, 0, 21, block[:5]) + http2.raw(9, 4, 21, block[5:]) + http2.raw(0xEE, 1, 21, b"?"))
    said.append(http2.raw(2, 0, 21, bytes(5)) + http2.raw(1, 5, 21, b"\x00\x01a\x01b"))
    return b"".join(said)


def outcome(data, cuts):
    """The events and the answer to some bytes that come in parts."""
    connection = Connection(Limits(), 0.0)
    told, said = [], b""
    places = sorted({0, len(data), *cuts})
    for start, end in itertools.pairwise(places):
        told += connection.receive(data[start:end], 0.0)
        said += b"".join(connection.take())
    return told, said


def test_every_cut_gives_the_same(http2):
    """A conversation cut in two, at every place, is the same conversation."""
    data = conversation(http2)
    whole = outcome(data, [])
    assert len(whole[0]) > 10
    assert not any(type(event) is events.ConnectionEnded for event in whole[0])
    assert all(outcome(data, [place]) == whole for place in range(len(data)))
    assert outcome(data, range(len(data))) == whole


FRAME = st.tuples(
    st.one_of(st.integers(0, 9), st.integers(0, 255)),
    st.integers(0, 255),
    st.one_of(st.sampled_from([0, 1, 1, 1, 3, 3, 5, 2]), st.integers(0, 2**32 - 1)),
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([b"\0\0\0\0", b"\0\0\0\1", b"\x7f\xff\xff\xff", bytes(5), bytes(8), b"\0\4\0\0\0\0"]),
        st.just(b"HEAD"),
    ),
)
# What an application may do meanwhile, on a stream that may or may not be there.
DOING = st.tuples(
    st.sampled_from(["headers", "data", "trailers", "reset", "credit", "pause", "resume"]), st.sampled_from([1, 3])
)


def do(connection, what, stream_id):
    """One thing that an application does."""
    match what:
        case "headers":
            connection.send_headers(stream_id, HEAD)
        case "data":
            connection.send_data(stream_id, b"x" * 1_000)
        case "trailers":
            connection.send_trailers(stream_id, trailers(Status.OK))
        case "reset":
            connection.reset(stream_id, ErrorCode.CANCEL)
        case "credit":
            connection.credit(stream_id, 1)
        case "pause":
            connection.pause()
        case "resume":
            connection.resume()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(FRAME, FRAME, DOING), max_size=40))
def test_frames_of_any_kind_do_no_harm(http2, steps):
    """Nothing is raised, what is kept and what is answered stay small, and every cut gives the same."""
    limits = Limits(max_concurrent_streams=5, stream_window=1_000, connection_window=70_000)
    whole, parts = Connection(limits, 0.0), Connection(limits, 0.0)
    received = 0
    for step in [(4, 0, 0, b""), *steps]:
        if len(step) == 2:
            do(whole, *step)
            do(parts, *step)
            continue
        payload = http2.block() if step[3] == b"HEAD" else step[3]
        data = http2.raw(*step[:3], payload) if received else PREFACE + http2.raw(*step)
        received += len(data)
        told = whole.receive(data, 0.0)
        assert told == [event for byte in data for event in parts.receive(bytes((byte,)), 0.0)]
        answer = b"".join(whole.take())
        assert answer == b"".join(parts.take())
        # An answer to a few bytes is a few frames; of ours, no more than the windows allow.
        assert len(answer) < 3_000 + 70_000
        assert whole.streams <= 5
        assert len(whole._reader._kept) < 16_393
    assert whole.ended == parts.ended


@given(st.lists(st.binary(max_size=300), max_size=20), st.booleans())
def test_bytes_of_any_kind_do_no_harm(parts, prefaced):
    """Nothing is raised, and nothing piles up."""
    connection = Connection(Limits(), 0.0)
    connection.receive(PREFACE if prefaced else b"", 0.0)
    opening = len(b"".join(connection.take()))
    for part in parts:
        connection.receive(part, 0.0)
    assert opening > 0
    assert len(b"".join(connection.take())) < 200 + 40 * sum(map(len, parts))
    assert connection.streams == 0
