"""Where a segment's sealed part ends, found in its bytes without reading its lines as JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from pathlib import Path

# A seal as Chain writes it. Anchored at the line's beginning: a member of that name deeper in a line is none, and in a
# string its quotes are escaped.
_SEAL = re.compile(rb'\{"chain":"[^"\\]+","seq":\d+,"prev":"[0-9a-f]{64}","time":"([^"\\]+)","event":"seal",')
_MARK = b',"event":"seal",'
# Reading back from a segment's end: the first step holds a seal nearly always; a batch may be larger.
_STEP = 65_536
# More than any batch that a writer makes.
MOST_BYTES = 268_435_456


def last_end(data: bytes, end: int | None = None) -> int:
    """The end of the last whole seal line before `end`, its newline included; 0 if there is none.

    `data` begins at the beginning of a line.
    """
    found = _last(data, len(data) if end is None else end)
    return found[1] if found else 0


def first_end(data: bytes, start: int = 0) -> int:
    """The end of the first whole seal line from `start` on, which is the beginning of a line; 0 if there is none."""
    at = start
    while (mark := data.find(_MARK, at)) >= 0:
        begin = data.rfind(b"\n", 0, mark) + 1
        newline = data.find(b"\n", mark)
        if newline < 0:
            return 0
        if begin >= start and _SEAL.match(data, begin):
            return newline + 1
        at = newline
    return 0


def last_time(data: bytes) -> str:
    """The time of the last seal of a piece (RFC 3339), which is the newest of its lines; "" if there is none."""
    found = _last(data, len(data))
    match = _SEAL.match(data, found[0]) if found else None
    return match[1].decode() if match else ""


def opened(path: Path) -> dict[str, object]:
    """A segment's first line; {} when it is none of ours.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        line = file.readline(_STEP)
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) and document.get("event") == "opened" else {}


def last_seal(path: Path) -> tuple[bytes, int] | None:
    """A segment's last seal line, without its newline, and where it ends; None if there is none.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        step = _STEP
        while True:
            start = max(0, size - step)
            file.seek(start)
            data = file.read(size - start)
            skipped = 0 if start == 0 else data.find(b"\n") + 1
            found = _last(data[skipped:], len(data) - skipped)
            if found:
                begin, end = found[0] + skipped, found[1] + skipped
                return data[begin : end - 1], start + end
            if start == 0 or step >= MOST_BYTES:
                return None
            step *= 8


def _last(data: bytes, end: int) -> tuple[int, int] | None:
    at = end
    while (mark := data.rfind(_MARK, 0, at)) >= 0:
        begin = data.rfind(b"\n", 0, mark) + 1
        newline = data.find(b"\n", mark, end)
        if newline >= 0 and _SEAL.match(data, begin):
            return begin, newline + 1
        at = mark
    return None
