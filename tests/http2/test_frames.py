"""Frames as we write them, read by hyperframe."""

import pytest
from hyperframe.frame import Frame

from extproc.http2 import frames
from extproc.http2.faults import ErrorCode


def read(data):
    """The one frame in some bytes."""
    frame, length = Frame.parse_frame_header(memoryview(data[:9]))
    frame.parse_body(memoryview(data[9 : 9 + length]))
    assert len(data) == 9 + length
    return frame


@pytest.mark.parametrize(
    ("written", "kind", "stream_id", "fields"),
    [
        (frames.rst_stream(5, ErrorCode.CANCEL), "RstStreamFrame", 5, {"error_code": 8}),
        (frames.window_update(7, 2**31 - 1), "WindowUpdateFrame", 7, {"window_increment": 2**31 - 1}),
        (frames.goaway(9, 11, "calm"), "GoAwayFrame", 0, {"last_stream_id": 9, "error_code": 11,
                                                           "additional_data": b"calm"}),
        (frames.settings({3: 100, 4: 5}), "SettingsFrame", 0, {"settings": {3: 100, 4: 5}}),
        (frames.SETTINGS_ACK, "SettingsFrame", 0, {"settings": {}}),
        (frames.frame(frames.DATA, frames.END_STREAM, 1, b"x" * 70_000), "DataFrame", 1, {"data": b"x" * 70_000}),
    ],
)  # fmt: skip
def test_a_frame_is_what_it_says(written, kind, stream_id, fields):
    """Another's parser finds the same type, stream and content."""
    frame = read(written)
    assert (type(frame).__name__, frame.stream_id) == (kind, stream_id)
    assert {name: getattr(frame, name) for name in fields} == fields


@pytest.mark.parametrize("length", [0, 1, 10, 11, 20, 25])
@pytest.mark.parametrize("end_stream", [False, True])
def test_a_long_header_block_is_continued(http2, length, end_stream):
    """It is cut at the frame size; END_STREAM stands on the first part, END_HEADERS on the last."""
    written = http2.frames_of(frames.header_frames(3, bytes(range(length)), end_stream=end_stream, max_frame=10))
    assert b"".join(payload for *_, payload in written) == bytes(range(length))
    assert [kind for kind, *_ in written] == [frames.HEADERS] + [frames.CONTINUATION] * (len(written) - 1)
    assert max(len(payload) for *_, payload in written) <= 10
    assert [bool(flags & frames.END_HEADERS) for _, flags, *_ in written] == [False] * (len(written) - 1) + [True]
    assert [bool(flags & frames.END_STREAM) for _, flags, *_ in written] == [end_stream] + [False] * (len(written) - 1)
