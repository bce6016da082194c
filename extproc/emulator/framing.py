"""From a container's events to PayloadParts: grouped and cut as the knobs say, which is not where events end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.sagemaker.eventstream import encode, encode_block, encode_headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extproc.emulator.knobs import Knobs

_PAYLOAD_PART = encode_headers(
    {
        ":message-type": "event",
        ":event-type": "PayloadPart",
        ":content-type": "application/octet-stream",
    }
)
EMPTY = encode_block(_PAYLOAD_PART, b"")
UNKNOWN = encode(
    {":message-type": "event", ":event-type": "Telemetry", ":content-type": "application/json"}, b'{"queued":0}'
)


def payload_part(payload: bytes) -> bytes:
    """Return one frame of the answer."""
    return encode_block(_PAYLOAD_PART, payload)


def exception(kind: str, body: bytes) -> bytes:
    """Return the frame that ends a stream with an exception of SageMaker's service model."""
    return encode({":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}, body)


def error(code: str, message: str) -> bytes:
    """Return the frame that ends a stream with an error of no model."""
    return encode({":message-type": "error", ":error-code": code, ":error-message": message}, b"")


def regroup(events: Iterable[bytes], knobs: Knobs) -> Iterator[list[bytes]]:
    """Give, event by event, the payloads ready to be framed; joined they are the events (but for `unended`)."""
    waiting = bytearray()
    for count, event in enumerate(_unended(events) if knobs.unended else events, 1):
        waiting += event
        if knobs.frame_bytes is not None:
            whole = len(waiting) - len(waiting) % knobs.frame_bytes
            yield _cut(bytes(waiting[:whole]), knobs.frame_bytes)
            del waiting[:whole]
        elif count % knobs.events_per_frame:
            yield []
        else:
            yield _cut_inside_characters(bytes(waiting)) if knobs.split_utf8 else [bytes(waiting)]
            waiting.clear()
    if waiting:
        yield [bytes(waiting)]


def frames(payloads: list[bytes], knobs: Knobs) -> list[bytes]:
    """Return the frames of these payloads, with what the knobs put between them."""
    if not (knobs.empty_frames or knobs.unknown_events):
        return [encode_block(_PAYLOAD_PART, payload) for payload in payloads]
    made: list[bytes] = []
    for payload in payloads:
        if knobs.empty_frames:
            made.append(EMPTY)
        made.append(payload_part(payload))
        if knobs.unknown_events:
            made.append(UNKNOWN)
    return made


def _unended(events: Iterable[bytes]) -> Iterator[bytes]:
    """Move the line feeds that end an event to the beginning of the next, and drop the last ones."""
    held = b""
    for event in events:
        said = event.rstrip(b"\n")
        if said:
            yield held + said
            held = b""
        held += event[len(said) :]


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def _cut_inside_characters(data: bytes) -> list[bytes]:
    """Cut after the first byte of each multi-byte character, and between two line feeds."""
    ends = [at + 1 for at, byte in enumerate(data[:-1]) if byte >= 0xC0 or (byte == 0x0A and data[at + 1] == 0x0A)]
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]
