"""Our SETTINGS as another reads them, and the peer's."""

import pytest

from extproc.http2 import settings
from extproc.http2.faults import ConnectionFault, ErrorCode
from extproc.http2.limits import Limits


def test_we_say_what_is_allowed(http2):
    """h2 takes our limits for its own, and the connection's window with them."""
    pair = http2.Pair(Limits(max_concurrent_streams=7, stream_window=100_000, connection_window=200_000))
    pair.carry()
    assert pair.theirs.remote_settings.max_concurrent_streams == 7
    assert pair.theirs.remote_settings.initial_window_size == 100_000
    assert pair.theirs.remote_settings.max_header_list_size == Limits().max_header_list_bytes
    assert pair.theirs.outbound_flow_control_window == 200_000


def test_the_peers_are_read(http2):
    """Known ones by their last value, others not at all (RFC 9113 section 6.5.2)."""
    payload = http2.Settings(0, {4: 1_000, 5: 20_000, 0x99: 1}).serialize()[9:] + b"\0\x04\0\0\0\x07"
    assert settings.parse(payload) == {4: 7, 5: 20_000}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\0\x04\0\0\0", ErrorCode.FRAME_SIZE_ERROR),
        (b"\0\x02\0\0\0\x02", ErrorCode.PROTOCOL_ERROR),
        (b"\0\x04\x80\0\0\0", ErrorCode.FLOW_CONTROL_ERROR),
        (b"\0\x05\0\0\x3f\xff", ErrorCode.PROTOCOL_ERROR),
        (b"\0\x05\x01\0\0\0", ErrorCode.PROTOCOL_ERROR),
    ],
)
def test_what_no_setting_may_be(payload, code):
    """RFC 9113 section 6.5.2 says which error each is."""
    with pytest.raises(ConnectionFault) as caught:
        settings.parse(payload)
    assert caught.value.code is code
