"""The lines about one request."""

from __future__ import annotations

import pytest

from extproc.audit.search import about
from extproc.audit.segment import parse
from extproc.audit.source import Source


@pytest.fixture
def found(trails):
    """A function: the lines about an id, in a trail read in chunks of a few bytes; and what was doubted."""
    trail = trails()
    first, second = trail.writer("w0"), trail.writer("w1")
    first.write({"event": "exchange", "request_id": "a"}, {"event": "exchange", "request_id": 'quo"ted é'})
    second.write({"event": "ended", "request_id": "a"}, {"event": "exchange", "other": "a"})

    def search(request_id, change=lambda data: data):
        doubts = []
        sources = []
        for name, data in sorted(trail.files.items()):
            pieces = [change(data)[at : at + 7] for at in range(0, len(data), 7)]
            sources.append(Source(parse(name), name, len(data), lambda pieces=pieces: iter(pieces)))
        return [(batch.chain, line.document["event"]) for batch, line in about(sources, request_id, doubts)], doubts

    return search, first.name, second.name


def test_all_lines_about_a_request(found):
    """Lines with the id are found in every chain, and no others; the id may hold any character."""
    search, first, second = found
    assert search("a") == ([(first, "exchange"), (second, "ended")], [])
    assert search('quo"ted é') == ([(first, "exchange")], [])
    assert search("b") == ([], [])


def test_what_does_not_hold_is_not_given(found):
    """A line under a seal that does not hold is not given, and told."""
    search, _, second = found
    lines, doubts = search("a", lambda data: data.replace(b'"quo', b'"Quo'))
    assert lines == [(second, "ended")]
    assert len(doubts) == 1
