"""Every length, count and rate that a peer could choose at our cost, each with its bound and the reason for it."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and so many more with every second that passes."""

    burst: int
    per_second: float


class Allowance:
    """What is left of a rate: a token bucket."""

    __slots__ = ("_left", "_rate", "_since")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = float(rate.burst)
        self._since = now

    def spend(self, now: float) -> bool:
        """Take one; False when there is none left. `now` is in seconds, of a clock that never goes back."""
        left = self._left
        if left < 1.0:
            left = min(float(self._rate.burst), left + (now - self._since) * self._rate.per_second)
            self._since = now
            if left < 1.0:
                self._left = left
                return False
        self._left = left - 1.0
        return True


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one connection, in bytes, counts and seconds.

    The peer is Envoy: one connection for each of its threads, thousands of streams in each. A connection that is
    closed for being over a limit costs all of them, so the bounds lie far above what Envoy does and far below what
    hurts.
    """

    # The largest gRPC message that is taken; one that is longer ends its call with RESOURCE_EXHAUSTED.
    max_message_bytes: int = 26 * MIB

    # Advertised (SETTINGS_MAX_CONCURRENT_STREAMS), and REFUSED_STREAM beyond it. A stream held open costs some 10 KB.
    max_concurrent_streams: int = 20_000

    # A header block as it is sent. Not a setting of HTTP/2; without it CONTINUATION frames go on for ever
    # (CVE-2024-27316). An ext_proc call's has 300 bytes; tracing headers may add some KB.
    max_header_block_bytes: int = 65_536
    # CONTINUATION frames of one header block: empty ones add no bytes to it (the same CVE).
    max_continuations: int = 8
    # A header block as it is decoded, by RFC 9113's count (section 6.5.2). A few bytes may refer to large entries of
    # HPACK's table again and again (CVE-2016-6581). Advertised as SETTINGS_MAX_HEADER_LIST_SIZE.
    max_header_list_bytes: int = 65_536

    # What a peer may send before it is told to go on. A stream's is what it may hold unread, of whole messages or not;
    # most exchanges need no more. The connection's only bounds what is under way: see Streams.take.
    stream_window: int = 65_536
    connection_window: int = 32 * MIB
    # A message that is longer than what its stream's window has left is let in when its handler waits for it, and only
    # while those let in so, on all connections and until their handlers are done with them, are no more than this
    # together; others wait for their turn, and one alone is let in whatever its size. A handler takes several times as
    # much while it judges a body, and no more bodies at once than there are cores are any faster.
    max_large_bytes: int = 64 * MIB
    # A message that was let in has so long to come whole: others wait for its room.
    large_seconds: float = 60.0
    # A handler keeps the room of its message until it reads again; and while its peer does not take what it answers, no
    # longer than this.
    stall_seconds: float = 2.0
    # What is held of messages that no handler has read, in all streams of a connection; beyond it the call that asks
    # for more is ended with RESOURCE_EXHAUSTED. Only thousands of calls whose handlers all stand still get there.
    max_held_bytes: int = 512 * MIB
    # Whole messages that a call has not read: the window bounds their bytes, and a message may be empty.
    max_unread_messages: int = 10_000

    # What may wait in the socket's buffer. Messages stop at the socket's own high-water mark, so this is reached only
    # by answers to PING, SETTINGS and the like that the peer does not read (CVE-2019-9512, CVE-2019-9515).
    max_unsent_bytes: int = 4 * MIB

    # From the connection's start to the end of the client's preface.
    preface_seconds: float = 10.0

    # Streams that the peer resets before we have answered anything: work for nothing (rapid reset, CVE-2023-44487).
    # Envoy resets every ext_proc stream at its end, which is not counted; it resets thousands unanswered only when as
    # many clients leave in the moment they came.
    unanswered_resets: Rate = Rate(burst=4_096, per_second=512)
    # Streams that the peer made us reset, by an error or by going beyond max_concurrent_streams (CVE-2025-8671).
    provoked_resets: Rate = Rate(burst=4_096, per_second=512)
    # PING (CVE-2019-9512). Envoy's keep-alive sends one in seconds, gRPC's bandwidth probe some in a second.
    pings: Rate = Rate(burst=1_000, per_second=100)
    # SETTINGS (CVE-2019-9515): each may touch every open stream. Peers send one or two in a connection's life.
    settings: Rate = Rate(burst=100, per_second=1)
    # Frames that bring nothing: empty DATA and CONTINUATION, frames on closed streams, PRIORITY, unknown types
    # (CVE-2019-9518, CVE-2019-9513), and WINDOW_UPDATE, which a peer may also send byte by byte.
    idle_frames: Rate = Rate(burst=20_000, per_second=5_000)
