"""One chain: what is found in it, and where."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest

from extproc.audit import source as sources
from extproc.audit.report import Report
from extproc.audit.segment import parse
from extproc.audit.source import Source
from extproc.audit.walk import Gap, Walk


@pytest.fixture
def written(trails, keys):
    """A chain of three segments, closed: lines 0 to 3, 4 to 7 and 8 to 12."""
    trail = trails(signing=keys("signing"))
    writer = trail.writer("w0")
    dice = random.Random(0)
    writer.exchanges(dice, 2)
    for _ in range(2):
        writer.rotate()
        writer.exchanges(dice, 2)
    writer.close()
    return trail, writer, sorted(trail.files)


def source(name, data):
    """A segment that holds these bytes."""
    return Source(parse(name), name, len(data), lambda: iter([data]))


def walked(trail, writer, keys=None):
    """The walk at its end, its seals, and its report."""
    report = Report()
    listed = [source(name, data) for name, data in trail.files.items()]
    walk = Walk(writer.name, listed, [trail.signing.public] if keys is None else keys, report)
    return walk, list(walk.seals()), report


def found(trail, writer, keys=None):
    """The places and codes of all findings."""
    *_, report = walked(trail, writer, keys)
    return [(finding.place, finding.code) for finding in report.findings]


def test_whole_chain(written):
    """Nothing is found in what a writer wrote; its ends, its segments and its counts are known."""
    trail, writer, _ = written
    walk, seals, report = walked(trail, writer)
    assert report.findings == []
    assert [(seal.seq, seal.segment) for seal in seals] == [(3, 1), (7, 2), (11, 3), (13, 3)]
    assert (walk.first, walk.last.hash, walk.closed, walk.tail) == (0, writer.chain.head, True, None)
    assert [(span.first, span.seal.seq) for span in walk.spans.values()] == [(0, 3), (4, 7), (8, 13)]
    assert (report.totals.segments, report.totals.lines, report.totals.records) == (3, 14, 6)
    assert report.totals.bytes == sum(map(len, trail.files.values()))
    assert dict(report.vouched) == {trail.signing.id: 1}
    assert [told.place.line for told in seals[0].told] == [1]


def test_missing_segments_are_gaps(written):
    """What is not here is told as gaps, with what came before and after; nothing else is found."""
    trail, writer, names = written
    first = trail.files[names[0]]
    del trail.files[names[1]]
    walk, _, report = walked(trail, writer)
    assert report.findings == []
    (gap,) = walk.gaps
    assert (gap.low, gap.high, gap.seq, gap.next) == (2, 2, 4, 8)
    del trail.files[names[0]]
    walk, *_ = walked(trail, writer)
    assert walk.gaps == [Gap(1, 2, 0, "0" * 64, 8, walk.gaps[0].prev, walk.sources[0])]
    assert walk.first == 8
    trail.files[names[0]] = first


def replace(names, at, old, new):
    """A change of a file's bytes, once."""

    def change(files):
        assert old in files[names[at]]
        files[names[at]] = files[names[at]].replace(old, new, 1)

    return change


# The seal of no lines, as a chain's first line: nothing in it is wrong but that nobody can have signed it.
BARE_SEAL = b'{"chain":"w0.%b","seq":0,"prev":"%b","time":"","event":"seal","count":0,"root":"%b","sig":""}\n' % (
    sha256(b"w0").hexdigest()[:12].encode(),
    b"0" * 64,
    sha256().hexdigest().encode(),
)
CASES = {
    "a record changed": (lambda n: replace(n, 0, b'"path":"/v1', b'"path":"/v2'), [(0, ":2", "changed-line")]),
    "a seal changed": (
        lambda n: replace(n, 0, b'"event":"seal"', b'"event":"sea1"'),
        [(0, " at byte 0", "unsealed"), (1, ":1", "changed-line")],
    ),
    "a newline put in": (lambda n: replace(n, 0, b"\n", b"\n\n"), [(0, ":2", "unreadable-line")]),
    "a segment cut": (
        lambda n: lambda files: files.update({n[0]: files[n[0]][:-5]}),
        [(0, " at byte 0", "unsealed"), (1, ":1", "missing-lines")],
    ),
    "bytes behind the end": (
        lambda n: lambda files: files.update({n[2]: files[n[2]] + b"x"}),
        [(2, ":7", "after-closed")],
    ),
    "a line behind the end": (
        lambda n: lambda files: files.update({n[2]: files[n[2]] + b"{}\n"}),
        [(2, ":7", "after-closed")],
    ),
    "another opens in the middle": (
        lambda n: lambda files: files.update({n[0]: files[n[0]] + files[n[1]], n[1]: files[n[1]]}),
        [(0, ":5", "misplaced-line"), (1, ":1", "misplaced-line")],
    ),
    "the first line gone": (
        lambda n: lambda files: files.update({n[0]: files[n[0]].split(b"\n", 1)[1]}),
        [(0, ":1", "missing-lines")],
    ),
    "no begin": (
        lambda n: lambda files: files.update({n[0]: BARE_SEAL}),
        [(0, ":1", "opened"), (1, ":1", "missing-lines")],
    ),
    "another key": (lambda n: replace(n, 1, b'"public_key":"', b'"public_key":"A'), [(1, ":1", "opened")]),
    "an older key id": (
        lambda n: replace(n, 1, b'"certificate":{"key":"', b'"certificate":{"key":"0'),
        [(1, ":1", "session-key")],
    ),
    "another segment's number": (lambda n: replace(n, 1, b'"segment":2', b'"segment":7'), [(1, ":1", "opened")]),
    "a line too long": (
        lambda n: lambda files: files.update({n[1]: files[n[1]] + b"x" * (sources.MAX_LINE + 1)}),
        [(1, " at byte {size}", "line-too-long")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_findings_have_their_place(written, name):
    """Each kind of change is found, first of all at the place where it was made."""
    trail, writer, names = written
    change, expected = CASES[name]
    size = len(trail.files[names[1]])
    change(names)(trail.files)
    places = found(trail, writer)
    wanted = [(names[at] + place.format(size=size), code) for at, place, code in expected]
    assert places[: len(wanted)] == wanted


def test_damage_is_told_once(written):
    """A changed record is one finding, though its line, its batch and the next line all are wrong by it."""
    trail, writer, names = written
    trail.files[names[0]] = trail.files[names[0]].replace(b'"path":"/v1', b'"path":"/v2', 1)
    assert found(trail, writer) == [(f"{names[0]}:2", "changed-line")]


def test_date_of_the_name_counts(written):
    """A segment whose file is named for another day is found."""
    trail, writer, names = written
    trail.files[names[0].replace("2026-03-01", "2026-03-02")] = trail.files.pop(names[0])
    assert found(trail, writer)[0][1] == "opened"


def test_segment_that_is_here_twice(written):
    """A second file for a segment is found."""
    trail, writer, names = written
    copy = names[0].replace("2026-03-01", "2026-03-09")
    trail.files[copy] = trail.files[names[0]]
    assert found(trail, writer) == [(copy, "duplicate-segment")]


def test_who_vouches(written, keys):
    """With public keys, one of them must vouch for the session key; without any, nothing is asked for."""
    trail, writer, names = written
    assert found(trail, writer, [keys("other").public]) == [(f"{names[0]}:1", "not-vouched")]
    assert found(trail, writer, []) == []


@pytest.mark.parametrize(("cut", "tail"), [(0, (0, 0)), (5, (0, 5)), (-1, None)])
def test_tail_of_a_crash(trails, cut, tail):
    """What a crash leaves behind the last seal is no finding: its place and length are known."""
    trail = trails()
    writer = trail.writer("w0")
    writer.write()
    name, data = writer.file, trail.files[writer.file]
    trail.files[name] = data[:cut]
    walk, _, report = walked(trail, writer, [])
    assert report.findings == []
    begin, size = tail or (0, len(data) - 1)
    assert (walk.tail.offset, walk.tail.size, walk.last) == (begin, size, None)


@pytest.mark.parametrize("torn", [b"x", b'{"chain":"other', b"\0x"])
def test_tail_of_somebody_else(written, torn):
    """What no crash can have left is found."""
    trail, writer, names = written
    trail.files = {names[0]: trail.files[names[0]] + torn}
    assert found(trail, writer) == [(f"{names[0]}:5", "torn-line")]
