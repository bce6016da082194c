"""A segment as a reader gets it: bytes in chunks, from a file or from pieces of one; and the lines in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from extproc.audit.segment import Segment

# No line that the gateway writes comes near it; without a bound, one file without a newline would fill the memory.
MAX_LINE = 32 * 2**20


class LineTooLong(ValueError):
    """A line is longer than MAX_LINE; `offset` is where it begins."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"a line longer than {MAX_LINE >> 20} MiB")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Source:
    """One segment. `name` is what messages call it, `size` how many bytes `chunks` gives, from its begin each time.

    What lines at or behind `claims_until` say of other chains is not asked for: in a trail that is being written, those
    chains may have been looked at before (None: nothing is being written). `uploaded`: it is a copy in pieces that end
    at seals, without what a crash may have left behind the last one.
    """

    segment: Segment
    name: str
    size: int
    chunks: Callable[[], Iterator[bytes]]
    claims_until: int | None = None
    uploaded: bool = False


def lines(chunks: Iterable[bytes], limit: int = MAX_LINE) -> Iterator[tuple[int, bytes, bool]]:
    """Each line's offset, its bytes without the newline, and whether it has one: the last may be torn.

    Raises:
        LineTooLong: a line is longer than `limit`; those before it were given.
    """
    offset, rest = 0, b""
    for chunk in chunks:
        parts = (rest + chunk).split(b"\n")
        rest = parts.pop()
        for part in parts:
            if len(part) > limit:
                raise LineTooLong(offset)
            yield offset, part, True
            offset += len(part) + 1
        if len(rest) > limit:
            raise LineTooLong(offset)
    if rest:
        yield offset, rest, False
