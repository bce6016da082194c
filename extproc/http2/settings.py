"""SETTINGS: ours, which never change, and the peer's, checked."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from extproc.http2.faults import ConnectionFault, ErrorCode
from extproc.http2.frames import DEFAULT_MAX_FRAME, LARGEST, window_update
from extproc.http2.frames import settings as settings_frame

if TYPE_CHECKING:
    from extproc.http2.limits import Limits

# RFC 9113 section 6.5.2.
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = (
    range(1, 7)
)
DEFAULT_WINDOW = 65_535
_LARGEST_FRAME = 2**24 - 1
_SETTING = Struct(">HI")


def opening(limits: Limits) -> bytes:
    """What a server says first: its SETTINGS, and the connection's window, which no setting covers (section 6.9.2)."""
    values = {
        MAX_CONCURRENT_STREAMS: limits.max_concurrent_streams,
        INITIAL_WINDOW_SIZE: limits.stream_window,
        MAX_HEADER_LIST_SIZE: limits.max_header_list_bytes,
    }
    more = limits.connection_window - DEFAULT_WINDOW
    return settings_frame(values) + (window_update(0, more) if more > 0 else b"")


def parse(payload: bytes) -> dict[int, int]:
    """The peer's settings in a SETTINGS frame; of one that comes twice the last counts; unknown ones are left out.

    Raises:
        ConnectionFault: a value is outside of its range (RFC 9113 section 6.5.2), or the frame has a wrong length.
    """
    if len(payload) % 6:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of a length that is no multiple of six")
    found: dict[int, int] = {}
    for identifier, value in _SETTING.iter_unpack(payload):
        if identifier == ENABLE_PUSH and value > 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH is 0 or 1")
        if identifier == INITIAL_WINDOW_SIZE and value > LARGEST:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE over 2^31-1")
        if identifier == MAX_FRAME_SIZE and not DEFAULT_MAX_FRAME <= value <= _LARGEST_FRAME:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE out of its range")
        if HEADER_TABLE_SIZE <= identifier <= MAX_HEADER_LIST_SIZE:
            found[identifier] = value
    return found
