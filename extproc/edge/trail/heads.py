"""How far each chain of a directory has come, and whether its writer is gone: what checkpoints are made from."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import orjson

from extproc.audit import merkle
from extproc.audit.chain import GENESIS
from extproc.audit.checkpoint import Head
from extproc.audit.segment import Segment, parse

if TYPE_CHECKING:
    from pathlib import Path

# A seal is the last line unless a crash left more; a batch of captured bodies may be long.
TAIL_BYTES = 64 * 1024
_NEWLINE = b"\n"


class Heads:
    """Looks at a directory again and again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, tuple[Segment, int, Head]] = {}

    def changed(self, but: str = "") -> tuple[Head, ...]:
        """The heads that are new or other than at the last look, but for one chain's; what is final comes once.

        Raises:
            OSError: the directory cannot be read.
        """
        last: dict[str, list[Segment]] = {}
        with os.scandir(self._directory) as entries:
            for entry in entries:
                segment = parse(entry.name)
                if segment is not None and segment.chain != but:
                    last.setdefault(segment.chain, []).append(segment)
        for chain in self._known.keys() - last.keys():
            del self._known[chain]
        found = (self._look(sorted(segments)) for _, segments in sorted(last.items()))
        return tuple(head for head in found if head is not None)

    def forget(self) -> None:
        """Give everything anew at the next look."""
        self._known.clear()

    def _look(self, segments: list[Segment]) -> Head | None:
        last = segments[-1]
        segment, size, known = self._known.get(last.chain, (None, -1, None))
        if known is not None and known.final:
            return None
        path = self._directory / last.name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            # Asked before the size: a writer that is gone by then has written all it ever will.
            gone = _unlocked(descriptor)
            now = os.fstat(descriptor).st_size
            if segment == last and size == now and not gone:
                return None
            head = last_seal(descriptor, last, now) or self._before(segments)
        finally:
            os.close(descriptor)
        if gone:
            head = Head(head.chain, last.number, head.seq, head.hash, final=True, size=now)
        elif head.seq < 0:
            return None  # it has only just been opened
        self._known[last.chain] = (last, now, head)
        return head if head != known else None

    def _before(self, segments: list[Segment]) -> Head:
        """The last seal before a segment that has none yet."""
        for segment in reversed(segments[:-1]):
            with (self._directory / segment.name).open("rb") as file:
                head = last_seal(file.fileno(), segment, os.fstat(file.fileno()).st_size)
                if head is not None:
                    return head
        return Head(segments[-1].chain, segments[-1].number, -1, GENESIS)


def last_seal(descriptor: int, segment: Segment, size: int) -> Head | None:
    """The last seal of a segment of `size` bytes; None when it has none."""
    reach = TAIL_BYTES
    while True:
        start = max(0, size - reach)
        data = os.pread(descriptor, size - start, start)
        lines = data.split(_NEWLINE)
        # The last piece is no whole line; nor is the first, unless it begins the file.
        for line in reversed(lines[(1 if start else 0) : -1]):
            head = _sealed(line, segment)
            if head is not None:
                return head
        if start == 0:
            return None
        reach *= 4


def _sealed(line: bytes, segment: Segment) -> Head | None:
    if b'"event":"seal"' not in line:
        return None
    try:
        document = orjson.loads(line)
    except ValueError:
        return None
    if not isinstance(document, dict) or document.get("event") != "seal" or not isinstance(document.get("seq"), int):
        return None
    return Head(segment.chain, segment.number, document["seq"], merkle.leaf(line).hex())


def _unlocked(descriptor: int) -> bool:
    """Whether no writer holds the segment: the kernel gives up a lock with the process that held it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True
