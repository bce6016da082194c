"""What a sink is given at a time: a part of one segment that begins and ends between sealed batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.edge.trail import sealed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_READ = 1_048_576


class Oversized(Exception):
    """A batch of lines that no seal ends within sealed.MOST_BYTES: no writer of ours makes it."""


class Misplaced(Exception):
    """The offset is in the middle of a line: it is none that a sink was ever at."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes from `offset` of the segment at `path`: whole lines, the last of which is a seal.

    `looked` is how far the segment was read: what lies behind the piece and before it is either not sealed yet or more
    than was asked for (`more`).
    """

    path: Path
    offset: int
    data: bytes
    looked: int
    more: bool = False

    @property
    def end(self) -> int:
        """Where it ends in the segment."""
        return self.offset + len(self.data)

    @property
    def records(self) -> int:
        """How many lines it has."""
        return self.data.count(b"\n")


def read(path: Path, offset: int, most_bytes: int, most_records: int) -> Piece:
    """As much as is sealed, within both limits; at least one sealed batch if there is one, so data may be empty.

    Raises:
        OSError: the segment cannot be read.
        Oversized, Misplaced: see there.
    """
    with path.open("rb", buffering=0) as file:
        if offset:
            file.seek(offset - 1)
            if file.read(1) != b"\n":
                raise Misplaced
        data = _up_to(file.read, b"", most_bytes)
        end = sealed.last_end(data)
        while not end and len(data) >= most_bytes:
            # One batch is larger than a piece should be: it goes whole.
            if len(data) >= sealed.MOST_BYTES:
                raise Oversized
            before = len(data)
            data = _up_to(file.read, data, before + max(before, _READ))
            end = sealed.first_end(data)
            if len(data) == before:
                break
    cut = _within(data, end, most_records)
    return Piece(path, offset, data[:cut], offset + len(data), more=cut > 0 and (cut < end or len(data) >= most_bytes))


def _up_to(read: Callable[[int], bytes | None], data: bytes, size: int) -> bytes:
    """`data` with more behind it, up to `size` bytes in all or the end of the file."""
    parts, length = [data], len(data)
    while length < size and (part := read(size - length)):
        parts.append(part)
        length += len(part)
    return b"".join(parts)


def _within(data: bytes, end: int, most_records: int) -> int:
    """The end of the last seal among the first `most_records` lines, else of the first seal at all."""
    if data.count(b"\n", 0, end) <= most_records:
        return end
    at = 0
    for _ in range(most_records):
        at = data.find(b"\n", at) + 1
    return sealed.last_end(data, at) or sealed.first_end(data)
