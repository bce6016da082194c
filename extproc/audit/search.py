"""The lines about one request, wherever they stand on a trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from extproc.audit.reader import batches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extproc.audit.reader import Batch, Line
    from extproc.audit.source import Source


def about(sources: Iterable[Source], request_id: str, doubts: list[str]) -> Iterator[tuple[Batch, Line]]:
    """Every line with this `request_id`, with its batch, segment by segment.

    Segments that do not hold the id's bytes are not looked at any closer; `doubts` is about the others.
    """
    needle = b'"request_id":' + orjson.dumps(request_id)
    for source in sources:
        if not _holds(source.chunks(), needle):
            continue
        for batch in batches(source, doubts):
            for line in batch.lines:
                if line.document.get("request_id") == request_id:
                    yield batch, line


def _holds(chunks: Iterable[bytes], needle: bytes) -> bool:
    end = b""
    for chunk in chunks:
        piece = end + chunk
        if needle in piece:
            return True
        end = piece[-len(needle) :]
    return False
