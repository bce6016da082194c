"""Where a sampled stack is counted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OUTER = ["main (extproc/cli/__init__.py:31)", "run (uvloop/__init__.py:92)", "Runner.run (asyncio/runners.py:118)"]
SERVER = "ExternalProcessor.process (extproc/edge/server.py:103)"


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ([], "LOOP"),
        (["uv_run (core.c:464)", "sendmsg (libc.so.6)"], "LOOP"),
        (["0x7fdb5815e0c6 (grpc/_cython/cygrpc.so)", "sendmsg (libc.so.6)"], "LIBRARY"),
        ([SERVER], "TRANSPORT"),
        ([SERVER, "feed (extproc/http2/frames.py:1)"], "CARRIER"),
        ([SERVER, "read (grpc/aio/_server.py:1)"], "TRANSPORT"),
        ([SERVER, "decode (extproc/edge/wire.py:70)", "f (google/protobuf/internal/x.py:1)"], "TRANSPORT"),
        ([SERVER, "Exchange.feed (extproc/exchange.py:1)"], "EXCHANGE"),
        ([SERVER, "parse (extproc/openai/chat.py:1)"], "PARSE"),
        ([SERVER, "Decoder.feed (extproc/sagemaker/eventstream.py:1)"], "PARSE"),
        ([SERVER, "Relay._push (extproc/openai/stream.py:1)"], "RELAY"),
        ([SERVER, "judge (extproc/policies/chain.py:1)", "Set.Match (re2/__init__.py:540)"], "POLICIES"),
        ([SERVER, "plan (extproc/routing/plan.py:1)"], "ROUTING"),
        ([SERVER, "take (extproc/sagemaker/openai.py:1)"], "TRANSLATION"),
        ([SERVER, "sign (extproc/sagemaker/sigv4.py:1)", "digest (hmac.py:198)"], "SIGNING"),
        ([SERVER, "Session.write (extproc/edge/trail/session.py:1)"], "RECORD"),
        ([SERVER, "document (extproc/record.py:1)", "<genexpr> (<string>:3)"], "RECORD"),
    ],
)
def test_innermost_frame_of_ours_decides(program, inner, expected):
    """A stack belongs to its innermost frame of ours or of the transport's libraries; others count for who calls."""
    rooms = program("rooms")
    assert rooms.place([*OUTER, *inner]).room == getattr(rooms, expected)


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (["uv__io_poll (linux.c:1452)", "epoll_pwait (libc.so.6)"], True),
        (["PyThread_acquire_lock_timed (libpython3.11.so.1.0)", "0x7f63 (libc.so.6)", "0x7f16 (libc.so.6)"], True),
        (["Match (re2.so)", "pthread_cond_timedwait (libc.so.6)", "0x7f16 (libc.so.6)"], True),
        (["sendmsg (libc.so.6)"], False),
        (["pthread_cond_signal (libc.so.6)"], False),
        (["pthread_cond_wait (libc.so.6)", "a (x.c:1)", "b (x.c:2)", "c (x.c:3)"], False),
        ([SERVER], False),
    ],
)
def test_sleeping_stack_is_told_from_a_working_one(program, inner, expected):
    """A stack that ends in a wait for I/O, a lock or the GIL is no work, whatever called it."""
    assert program("rooms").waits([*OUTER, *inner]) == expected


def test_stack_without_any_of_ours_is_other(program):
    """A thread that runs nothing of ours is told apart, not counted for anybody."""
    rooms = program("rooms")
    assert rooms.place(["Thread.run (threading.py:982)", "no frame"]) == (rooms.OTHER, "")


def test_function_is_named_without_what_would_divide_it(program):
    """Lines and addresses of one function or library are one place."""
    place = program("rooms").place
    assert place(["a (extproc/judge.py:1)"]) == place(["a (extproc/judge.py:2)"]) != place(["b (extproc/judge.py:2)"])
    library = "grpc/_cython/cygrpc.cpython-311-x86_64-linux-gnu.so"
    assert place([f"0x7fd31b75e0c6 ({library})"]) == place([f"0x7fd31b793ab8 ({library})"])
    assert place([f"0x7fd31b75e0c6 ({library})"]).function == f"({library})"


def test_line_that_serialises_is_told_by_its_source(program):
    """A serialiser in C leaves no frame, so the line that calls it counts as serialising, except in the record."""
    rooms = program("rooms")
    (number,) = (at for at, line in enumerate(source("extproc/openai/sse.py"), 1) if "orjson.dumps(document)" in line)
    found = rooms.place([*OUTER, f"event (extproc/openai/sse.py:{number})"])
    assert found == (rooms.SERIALISE, "event (extproc/openai/sse.py)")
    chain = next(at for at, line in enumerate(source("extproc/audit/chain.py"), 1) if "orjson.dumps(" in line)
    assert rooms.place([f"add (extproc/audit/chain.py:{chain})"]).room == rooms.RECORD


def source(name: str) -> list[str]:
    """A file's lines."""
    return (ROOT / name).read_text(encoding="utf-8").splitlines()


def test_rooms_are_of_this_repository(program):
    """Every file and folder of ours that the table names exists, and every room is shown."""
    rooms = program("rooms")
    ours = [prefix for prefix in rooms._PREFIXES if re.match(r"extproc/", prefix)]
    assert [prefix for prefix in ours if not (ROOT / prefix).exists()] == []
    assert set(rooms._PREFIXES.values()) <= set(rooms.ROOMS)
