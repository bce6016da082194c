"""What goes back over the connection, decided without touching it: a head, and steps that a connection carries out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from struct import Struct
from typing import TYPE_CHECKING
from zlib import crc32

import orjson

from extproc.emulator import dialect, framing, legacy_completions
from extproc.emulator.container import Completion
from extproc.emulator.legacy_completions import TextCompletion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from extproc.emulator.knobs import Knobs

# More than a socket's buffers take at once would make every huge answer one huge write.
_HUGE_TOKEN = 16 * 1024
_PRELUDE = Struct(">II")
# What AWS gives a container for a whole answer, and for all of a stream.
WHOLE_LIMIT_MS = 60_000
STREAM_LIMIT_MS = 480_000
# Sums of waits differ from the limit by a rounding.
_ROUNDING = 1e-9
# What a container answers with → how it is written whole, and in chunks.
_WRITTEN: Mapping[type, tuple[Callable[[Any], bytes], Callable[[Any], Iterator[bytes]]]] = {
    Completion: (dialect.document, dialect.chunks),
    TextCompletion: (legacy_completions.document, legacy_completions.chunks),
}


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes as one HTTP chunk; they hold so many frames."""

    data: bytes
    frames: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Write nothing more; the connection stays until the peer leaves."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection (TCP RST)."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection with the answer unfinished (TCP FIN)."""


Step = Send | Wait | Stall | Reset | Cut


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers, and either a whole body or steps.

    Status 0 sends no head: only what `steps` does to the connection. With `body` and `steps`, the length announced is
    the body's and the steps decide how much of it is ever sent.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    steps: Iterable[Step] | None = None
    write_bytes: int | None = None


def whole(body: bytes, kind: str, knobs: Knobs) -> Iterable[Step] | None:
    """Return the steps of a whole answer, or None when it simply goes out."""
    half = body[: len(body) // 2]
    ending = _WHOLE_ENDINGS.get(kind)
    if ending is not None:
        return [Wait(knobs.whole_ms / 1000), Send(half), ending]
    if knobs.whole_ms or knobs.write_bytes:
        return [Wait(knobs.whole_ms / 1000), Send(body)]
    return None


def events(completion: Completion | TextCompletion, kind: str) -> tuple[str, Iterator[bytes]]:
    """Return the content type of a container of that kind and what it writes, event by event."""
    document, chunks = _WRITTEN[type(completion)]
    if not completion.stream:
        # The operation only changes the framing: a container not asked to stream answers with one document.
        return dialect.JSON, iter([document(completion)])
    if kind == "jsonlines":
        return dialect.JSON_LINES, dialect.json_lines(chunks(completion))
    return dialect.SSE, dialect.server_sent_events(chunks(completion), done=kind != "no-done")


def instead(fault: str, *, stream: bool) -> tuple[str, list[bytes]] | None:
    """Return the content type and the events of a fault that is no answer at all; None for every other fault."""
    if fault == "not-json":
        return (
            (dialect.SSE, [b"data: This is ", b"not JSON {\n\n"]) if stream else (dialect.JSON, [b"This is { not JSON"])
        )
    if fault == "empty-body":
        return dialect.SSE if stream else dialect.JSON, []
    return None


def stream(source: Iterator[bytes], kind: str, knobs: Knobs) -> Iterator[Step]:
    """Give the steps of a response stream, with the kind's fault in its place, up to the platform's limit of time."""
    left = (STREAM_LIMIT_MS if knobs.limit_ms is None else knobs.limit_ms) / 1000
    for step in _unlimited(source, kind, knobs):
        if isinstance(step, Wait):
            if step.seconds > left + _ROUNDING:
                yield Wait(left)
                yield from _exception("ModelStreamError", **_LATE)(source, knobs)
                return
            left -= step.seconds
        yield step


def _unlimited(source: Iterator[bytes], kind: str, knobs: Knobs) -> Iterator[Step]:
    if knobs.first_ms:
        yield Wait(knobs.first_ms / 1000)
    fault = _STREAM_FAULTS.get(kind)
    if fault is None:
        yield from _sent(source, knobs)
        return
    after = 0 if kind == "exception-first" else knobs.after
    yield from _sent(islice(source, after), knobs)
    yield from fault(source, knobs)


def huge_tokens(size: int) -> tuple[str, ...]:
    """Return the tokens of an answer of so many bytes."""
    piece = "lorem " * (_HUGE_TOKEN // 6)
    return (piece,) * max(1, size // len(piece))


def _sent(source: Iterable[bytes], knobs: Knobs) -> Iterator[Step]:
    pause = Wait(knobs.delay_ms / 1000) if knobs.delay_ms else None
    held: list[bytes] = []
    for payloads in framing.regroup(source, knobs):
        if pause:
            yield pause
        held += framing.frames(payloads, knobs)
        while len(held) >= knobs.frames_per_chunk:
            yield Send(b"".join(held[: knobs.frames_per_chunk]), knobs.frames_per_chunk)
            del held[: knobs.frames_per_chunk]
    if held:
        yield Send(b"".join(held), len(held))


def _next_frame(source: Iterator[bytes]) -> bytes:
    return framing.payload_part(next(source, b"data: {}\n\n"))


def _nothing(_source: Iterator[bytes], _knobs: Knobs) -> Iterator[Step]:
    yield from ()


def _ending(step: Step) -> Callable[[Iterator[bytes], Knobs], Iterator[Step]]:
    return lambda _source, _knobs: iter([step])


def _half_a_frame(source: Iterator[bytes], _knobs: Knobs) -> Iterator[Step]:
    frame = _next_frame(source)
    yield Send(frame[: len(frame) // 2])


def _bad_crc(source: Iterator[bytes], knobs: Knobs) -> Iterator[Step]:
    frame = bytearray(_next_frame(source))
    frame[-5] ^= 0x01
    yield Send(bytes(frame), 1)
    yield from _sent(source, knobs)


def _bad_prelude(source: Iterator[bytes], knobs: Knobs) -> Iterator[Step]:
    frame = bytearray(_next_frame(source))
    frame[3] ^= 0x01
    yield Send(bytes(frame), 1)
    yield from _sent(source, knobs)


def _giant_frame(source: Iterator[bytes], _knobs: Knobs) -> Iterator[Step]:
    lengths = _PRELUDE.pack(0xFFFF_FFFF, 0)
    yield Send(lengths + crc32(lengths).to_bytes(4, "big") + next(source, b""))
    yield Stall()


def _exception(kind: str, **body: str) -> Callable[[Iterator[bytes], Knobs], Iterator[Step]]:
    return _ending(Send(framing.exception(kind, orjson.dumps(body)), 1))


def _stream_error(_source: Iterator[bytes], knobs: Knobs) -> Iterator[Step]:
    error = {"message": "EngineCore encountered an issue.", "type": "InternalServerError", "param": None, "code": 500}
    said = b"data: " + orjson.dumps({"error": error}) + b"\n\n"
    yield from _sent(chain([said], [b"data: [DONE]\n\n"]), knobs)


_BROKEN = {
    "Message": "The model's stream was broken. See log group of account 123456789012.",
    "ErrorCode": "StreamBroken",
}
_LATE = {
    "Message": "The model did not complete sending the inference response in the allotted time.",
    "ErrorCode": "ModelInvocationTimeExceeded",
}
_WHOLE_ENDINGS: dict[str, Step] = {"reset-midstream": Reset(), "stall-midstream": Stall(), "cut-midstream": Cut()}
_STREAM_FAULTS: dict[str, Callable[[Iterator[bytes], Knobs], Iterator[Step]]] = {
    **{kind: _ending(step) for kind, step in _WHOLE_ENDINGS.items()},
    "truncated": _nothing,
    "eof-midframe": _half_a_frame,
    "bad-crc": _bad_crc,
    "bad-prelude": _bad_prelude,
    "giant-frame": _giant_frame,
    "exception-first": _exception("ModelStreamError", **_BROKEN),
    "exception-midstream": _exception("ModelStreamError", **_BROKEN),
    "exception-timeout": _exception("ModelStreamError", **_LATE),
    "exception-throttled": _exception("ThrottlingException", message="Rate exceeded"),
    "internal-stream-failure": _exception("InternalStreamFailure", Message="Internal failure."),
    "error-frame": _ending(Send(framing.error("InternalError", "An internal server error occurred"), 1)),
    "stream-error": _stream_error,
}
