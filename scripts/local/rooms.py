"""Which of a worker's rooms a sampled stack is in: the innermost frame of ours, of gRPC's or protobuf's decides.

What a library does for us (RE2, numpy, hashlib, orjson) counts where it was called.
"""

from __future__ import annotations

import linecache
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

TRANSPORT = "transport: ext_proc messages, Python"
LOOP = "transport: event loop"
LIBRARY = "transport: gRPC's library, worker's thread"
CARRIER = "transport: our own HTTP/2"
GRPC_THREADS = "transport: gRPC's own threads"
PARSE = "parse"
RELAY = "streams: chunks, deltas, places"
POLICIES = "policies"
TRANSLATION = "translation"
SIGNING = "signing"
ROUTING = "routing"
EXCHANGE = "exchange: the state machine"
RECORD = "record, audit"
SERIALISE = "serialise"
OTHER = "other"

# In the order in which they are shown, which is roughly an exchange's.
ROOMS = (
    LOOP, CARRIER, LIBRARY, GRPC_THREADS, TRANSPORT, EXCHANGE, PARSE, RELAY, POLICIES,
    ROUTING, TRANSLATION, SIGNING, SERIALISE, RECORD, OTHER,
)  # fmt: skip

# The longest prefix that a frame's file has.
_PREFIXES = {
    "grpc/": TRANSPORT,
    "grpc/_cython/": LIBRARY,
    "google/protobuf/": TRANSPORT,
    "protobuf/": TRANSPORT,
    "extproc/": EXCHANGE,
    # Below these frames is only what has no Python frames of its own: uvloop.
    "extproc/__main__.py": LOOP,
    "extproc/cli/": LOOP,
    "extproc/edge/": OTHER,
    "extproc/http2/": CARRIER,
    "extproc/edge/http2/": CARRIER,
    "extproc/edge/arriving.py": TRANSPORT,
    "extproc/edge/server.py": TRANSPORT,
    "extproc/edge/wire.py": TRANSPORT,
    "extproc/edge/worker.py": LOOP,
    "extproc/edge/credentials.py": SIGNING,
    "extproc/edge/signer.py": SIGNING,
    "extproc/edge/observations.py": ROUTING,
    "extproc/edge/corrections.py": ROUTING,
    "extproc/edge/trail/": RECORD,
    "extproc/edge/logs.py": RECORD,
    "extproc/edge/metrics.py": RECORD,
    "extproc/metrics/": RECORD,
    "extproc/audit/": RECORD,
    "extproc/record.py": RECORD,
    "extproc/openai/": PARSE,
    "extproc/openai/repetition.py": RELAY,
    "extproc/openai/stream.py": RELAY,
    "extproc/openai/delta.py": RELAY,
    "extproc/openai/structure.py": RELAY,
    "extproc/openai/places.py": RELAY,
    "extproc/openai/shape.py": RELAY,
    "extproc/policies/": POLICIES,
    "extproc/judge.py": POLICIES,
    "extproc/routing/": ROUTING,
    "extproc/translate.py": TRANSLATION,
    "extproc/sagemaker/": TRANSLATION,
    "extproc/sagemaker/eventstream.py": PARSE,
    "extproc/sagemaker/native.py": SIGNING,
    "extproc/sagemaker/sigv4.py": SIGNING,
    "extproc/sagemaker/ticket.py": SIGNING,
}  # fmt: skip
# What would divide a function: the address of one without a name, and the line.
_DETAIL = re.compile(r"^0x[0-9a-f]+ |:\d+(?=\)$)")
_FRAME = re.compile(r"(?P<name>.*) \((?P<file>[^()]+?)(:(?P<line>\d+))?\)$")
# Where threads sleep, by the names of the C library, CPython and libuv.
_WAITS = frozenset({
    "PyThread_acquire_lock_timed", "accept4", "clock_nanosleep", "epoll_pwait", "epoll_wait", "fdatasync", "fsync",
    "pthread_cond_timedwait", "pthread_cond_wait", "pthread_cond_clockwait", "select", "sem_clockwait", "sem_timedwait",
    "poll", "sem_wait", "take_gil", "uv__io_poll",
})  # fmt: skip
# A sleeping thread's innermost frames are of the C library, some of them without a name.
_INNERMOST = 3


def waits(frames: Sequence[str]) -> bool:
    """Whether a stack is one of a thread that sleeps."""
    named = (_FRAME.match(frame) for frame in frames[-_INNERMOST:])
    return any(frame["name"] in _WAITS for frame in named if frame is not None)


class Place(NamedTuple):
    """Where a stack is counted: the room, and the function that decided."""

    room: str
    function: str


def place(frames: Sequence[str]) -> Place:
    """The place of a stack, outermost frame first, each as py-spy writes it: `name (file:line)`."""
    for frame in reversed(frames):
        where = _room_of(frame)
        if where is not None:
            return Place(where, _DETAIL.sub("", frame))
    return Place(OTHER, "")


@cache
def _room_of(frame: str) -> str | None:
    """The room that a frame is in by itself."""
    parts = _FRAME.match(frame)
    if parts is None:
        return None
    file = parts["file"]
    found = max((prefix for prefix in _PREFIXES if file.startswith(prefix)), key=len, default=None)
    if found is None:
        return None
    # A C function leaves no frame: the line that calls it tells.
    called = linecache.getline(str(ROOT / file), int(parts["line"] or 0)) if file.startswith("extproc/") else ""
    if "dumps(" in called and _PREFIXES[found] != RECORD:
        return SERIALISE
    return _PREFIXES[found]
